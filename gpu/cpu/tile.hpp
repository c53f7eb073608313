#pragma once
// The register tile that products and attention are made of: kRows x kVectors outputs, each one
// chain of fused multiply-adds in order of k; vectors lie over columns, never over k.

#include "gpu/cpu/simd.hpp"

namespace thespis::gpu::THESPIS_ISA {

#if defined(__AVX512F__)
constexpr int kTileRows = 12, kTileVectors = 2;
#elif defined(__AVX2__)
constexpr int kTileRows = 6, kTileVectors = 2;
#else
constexpr int kTileRows = 2, kTileVectors = 4;
#endif
constexpr int kTileColumns = kTileVectors * kVecFloats;

template <int kN>
struct Constant {
  static constexpr int value = kN;
};

template <int kRows, int kVectors>
struct Tile {
  Vec at[kRows][kVectors];

  THESPIS_INLINE void clear() {
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i)
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) at[i][v] = Vec{};
  }

  /// at[i][v] += a[i * row_stride + k * k_stride] * b[k * b_stride + v * kVecFloats] for k in
  /// order.
  THESPIS_INLINE void multiply(const float* a, size_t row_stride, size_t k_stride, const float* b,
                               size_t b_stride, size_t count) {
    multiply(a, row_stride, k_stride, b, b + kVectors / 2 * kVecFloats, b_stride, count);
  }

  /// The same with the second half of the vectors at `b2`.
  THESPIS_INLINE void multiply(const float* a, size_t row_stride, size_t k_stride, const float* b,
                               const float* b2, size_t b_stride, size_t count) {
    constexpr int kHalf = kVectors / 2;
    for (size_t k = 0; k < count; ++k) {
      Vec bv[kVectors];
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v)
        bv[v] = load(v < kHalf ? b + v * kVecFloats : b2 + (v - kHalf) * kVecFloats);
#pragma GCC unroll 16
      for (int i = 0; i < kRows; ++i) {
        const Vec x = splat(a[i * row_stride]);
#pragma GCC unroll 8
        for (int v = 0; v < kVectors; ++v) at[i][v] = fma(x, bv[v], at[i][v]);
      }
      a += k_stride;
      b += b_stride;
      b2 += b_stride;
    }
  }
};

/// Calls f(Constant<rows>) for rows in 1 ... kTileRows.
template <int kRows = kTileRows, class F>
THESPIS_INLINE void with_rows(size_t rows, const F& f) {
  if constexpr (kRows > 1) {
    if (rows < kRows) return with_rows<kRows - 1>(rows, f);
  }
  f(Constant<kRows>{});
}

/// The rows of tile `index` when `rows` are split evenly into tiles of at most kTileRows.
struct RowTiles {
  size_t count, base, extra;
  explicit RowTiles(size_t rows)
      : count((rows + kTileRows - 1) / kTileRows),
        base(count == 0 ? 0 : rows / count),
        extra(count == 0 ? 0 : rows % count) {}
  size_t first(size_t index) const { return index * base + (index < extra ? index : extra); }
  size_t size(size_t index) const { return base + (index < extra ? 1 : 0); }
};

}  // namespace thespis::gpu::THESPIS_ISA
