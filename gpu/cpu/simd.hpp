#pragma once
// Vectors for the kernels: one source, compiled once for each instruction set with THESPIS_ISA
// naming the namespace. Vec is the native width; Lanes is always 16 floats, so that reductions over
// it have one order on every machine. Contraction is off: fma() is the only fused operation.

#include <cstddef>
#include <cstdint>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "gpu/ops.hpp"

namespace thespis::gpu::THESPIS_ISA {

#define THESPIS_INLINE inline __attribute__((always_inline))

#if defined(__AVX512F__)
constexpr int kVecFloats = 16;
#elif defined(__AVX2__)
constexpr int kVecFloats = 8;
#else
constexpr int kVecFloats = 4;
#endif

using Vec = float __attribute__((vector_size(kVecFloats * 4)));
using IntVec = int32_t __attribute__((vector_size(kVecFloats * 4)));
using UnalignedVec = float __attribute__((vector_size(kVecFloats * 4), aligned(4), may_alias));

THESPIS_INLINE Vec load(const float* p) {
  return *reinterpret_cast<const UnalignedVec*>(p);
}
THESPIS_INLINE void store(float* p, Vec v) {
  *reinterpret_cast<UnalignedVec*>(p) = v;
}

THESPIS_INLINE Vec splat(float x) {
#if defined(__AVX512F__)
  return _mm512_set1_ps(x);
#elif defined(__AVX2__)
  return _mm256_set1_ps(x);
#else
  return Vec{x, x, x, x};
#endif
}

THESPIS_INLINE Vec fma(Vec a, Vec b, Vec c) {
#if defined(__AVX512F__)
  return _mm512_fmadd_ps(a, b, c);
#elif defined(__AVX2__)
  return _mm256_fmadd_ps(a, b, c);
#else
  Vec r;
  for (int i = 0; i < kVecFloats; ++i) r[i] = __builtin_fmaf(a[i], b[i], c[i]);
  return r;
#endif
}

THESPIS_INLINE Vec max(Vec a, Vec b) {
  return a > b ? a : b;
}

/// e^x, relative error below 1e-7; 0 below -87, and x is taken as at most 88.
THESPIS_INLINE Vec exp(Vec x) {
  const Vec magic = splat(12582912.0f);  // 1.5 * 2^23: adding it rounds to the nearest integer.
  const Vec high = splat(88.0f), low = splat(-87.0f);
  const Vec clamped = x > high ? high : (x < low ? low : x);
  const Vec shifted = fma(clamped, splat(1.44269504f), magic);
  const Vec n = shifted - magic;
  Vec r = fma(n, splat(-0.693359375f), clamped);  // ln 2 in two parts; n * the first is exact.
  r = fma(n, splat(2.12194440e-4f), r);
  // Minimax on |r| <= ln(2) / 2 with the first two coefficients fixed: 3e-9.
  Vec p = splat(1.38144621e-3f);
  p = fma(p, r, splat(8.36878088e-3f));
  p = fma(p, r, splat(4.16683943e-2f));
  p = fma(p, r, splat(1.66665201e-1f));
  p = fma(p, r, splat(4.99999934e-1f));
  p = fma(p, r, splat(1.0f));
  p = fma(p, r, splat(1.0f));
  const IntVec power = (reinterpret_cast<IntVec>(shifted) - reinterpret_cast<IntVec>(magic)) << 23;
  const Vec result = reinterpret_cast<Vec>(reinterpret_cast<IntVec>(p) + power);
  return x < low ? Vec{} : result;
}

/// Natural logarithm of a positive, normal number: 2 atanh((m - 1) / (m + 1)) + e ln 2.
THESPIS_INLINE float log(float x) {
  union {
    float f;
    int32_t i;
  } u = {x};
  const int32_t e = (u.i - 0x3f3504f3) >> 23;  // Brings m into [sqrt(1/2), sqrt(2)).
  u.i -= e * (1 << 23);
  const float s = (u.f - 1.0f) / (u.f + 1.0f), z = s * s;
  float p = 2.0f / 9.0f;
  p = __builtin_fmaf(p, z, 2.0f / 7.0f);
  p = __builtin_fmaf(p, z, 2.0f / 5.0f);
  p = __builtin_fmaf(p, z, 2.0f / 3.0f);
  p = __builtin_fmaf(p * z, s, 2.0f * s);
  return __builtin_fmaf(static_cast<float>(e), 0.693147181f, p);
}

/// Sixteen floats: what rows are reduced in.
struct Lanes {
  static constexpr int kParts = static_cast<int>(kLanes) / kVecFloats;
  Vec part[kParts];
};

THESPIS_INLINE Lanes load16(const float* p) {
  Lanes r;
  for (int i = 0; i < Lanes::kParts; ++i) r.part[i] = load(p + i * kVecFloats);
  return r;
}
THESPIS_INLINE void store16(float* p, const Lanes& x) {
  for (int i = 0; i < Lanes::kParts; ++i) store(p + i * kVecFloats, x.part[i]);
}
THESPIS_INLINE Lanes splat16(float x) {
  Lanes r;
  for (int i = 0; i < Lanes::kParts; ++i) r.part[i] = splat(x);
  return r;
}
THESPIS_INLINE Lanes operator+(const Lanes& a, const Lanes& b) {
  Lanes r;
  for (int i = 0; i < Lanes::kParts; ++i) r.part[i] = a.part[i] + b.part[i];
  return r;
}
THESPIS_INLINE Lanes operator-(const Lanes& a, const Lanes& b) {
  Lanes r;
  for (int i = 0; i < Lanes::kParts; ++i) r.part[i] = a.part[i] - b.part[i];
  return r;
}
THESPIS_INLINE Lanes operator*(const Lanes& a, const Lanes& b) {
  Lanes r;
  for (int i = 0; i < Lanes::kParts; ++i) r.part[i] = a.part[i] * b.part[i];
  return r;
}
THESPIS_INLINE Lanes operator/(const Lanes& a, const Lanes& b) {
  Lanes r;
  for (int i = 0; i < Lanes::kParts; ++i) r.part[i] = a.part[i] / b.part[i];
  return r;
}
THESPIS_INLINE Lanes fma(const Lanes& a, const Lanes& b, const Lanes& c) {
  Lanes r;
  for (int i = 0; i < Lanes::kParts; ++i) r.part[i] = fma(a.part[i], b.part[i], c.part[i]);
  return r;
}
THESPIS_INLINE Lanes max(const Lanes& a, const Lanes& b) {
  Lanes r;
  for (int i = 0; i < Lanes::kParts; ++i) r.part[i] = max(a.part[i], b.part[i]);
  return r;
}
THESPIS_INLINE Lanes exp(const Lanes& x) {
  Lanes r;
  for (int i = 0; i < Lanes::kParts; ++i) r.part[i] = exp(x.part[i]);
  return r;
}

using Quad = float __attribute__((vector_size(16)));

/// The fixed tree over 16 lanes: i with i + 8, then i + 4, i + 2, i + 1.
template <class Combine>
THESPIS_INLINE float reduce(const Lanes& x, const Combine& combine) {
#if defined(__AVX512F__)
  const Vec v = x.part[0];
  const auto eight = combine(__builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7),
                             __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15));
  const Quad four = combine(__builtin_shufflevector(eight, eight, 0, 1, 2, 3),
                            __builtin_shufflevector(eight, eight, 4, 5, 6, 7));
#elif defined(__AVX2__)
  const Vec eight = combine(x.part[0], x.part[1]);
  const Quad four = combine(__builtin_shufflevector(eight, eight, 0, 1, 2, 3),
                            __builtin_shufflevector(eight, eight, 4, 5, 6, 7));
#else
  const Quad four = combine(combine(x.part[0], x.part[2]), combine(x.part[1], x.part[3]));
#endif
  const Quad two = combine(four, __builtin_shufflevector(four, four, 2, 3, 0, 1));
  return combine(two, __builtin_shufflevector(two, two, 1, 0, 3, 2))[0];
}

THESPIS_INLINE float sum(const Lanes& x) {
  return reduce(x, [](auto a, auto b) { return a + b; });
}
THESPIS_INLINE float greatest(const Lanes& x) {
  return reduce(x, [](auto a, auto b) { return a > b ? a : b; });
}

/// x where the lane's index is below `count`, else `other`.
THESPIS_INLINE Lanes first_lanes(const Lanes& x, uint32_t count, float other) {
  alignas(64) static constexpr int32_t kIndices[kLanes] = {0, 1, 2,  3,  4,  5,  6,  7,
                                                           8, 9, 10, 11, 12, 13, 14, 15};
  Lanes r;
  for (int i = 0; i < Lanes::kParts; ++i) {
    IntVec index;
    __builtin_memcpy(&index, kIndices + i * kVecFloats, sizeof(index));
    r.part[i] = index < static_cast<int32_t>(count) ? x.part[i] : splat(other);
  }
  return r;
}

}  // namespace thespis::gpu::THESPIS_ISA
