#pragma once
// The softmax over keys that all attention kernels share (AT-1).

#include "gpu/cuda/attention.cuh"

namespace thespis::gpu::cuda {

/// A closed row's sum over its four lanes.
__device__ inline float quad_sum(float x) {
  x = __fadd_rn(x, __shfl_xor_sync(~0u, x, 1));
  return __fadd_rn(x, __shfl_xor_sync(~0u, x, 2));
}

/// Unscaled scores of one block of keys against a warp's 16 rows. `keys_at` is the tile's address +
/// rows_offset().
template <int kHeadDim>
__device__ inline void score(float (&s)[kBlockKeys / 8][4], const uint32_t (&q)[kHeadDim / 16][4],
                             uint32_t keys_at) {
  each_element<1, kBlockKeys / 8>([&](int, int n, int i) { s[n][i] = 0; });
#pragma unroll
  for (int step = 0; step < kHeadDim / 16; ++step) {
#pragma unroll
    for (int n = 0; n < kBlockKeys / 8; n += 2) {
      uint32_t b[4];
      SharedTile<kHeadDim>::load_rows(b, keys_at, n * 8, step);
      ptx::multiply(s[n], q[step], b[0], b[1]);
      ptx::multiply(s[n + 1], q[step], b[2], b[3]);
    }
  }
}

/// Keys after a row's position have no part in it. Positions of rows g and g + 8.
__device__ inline void mask(float (&s)[kBlockKeys / 8][4], uint32_t first_key,
                            const uint32_t (&positions)[2], uint32_t lane) {
  each_element<1, kBlockKeys / 8>([&](int, int n, int i) {
    const uint32_t key = first_key + n * 8 + lane % 4 * 2 + i % 2;
    if (key > positions[i / 2]) s[n][i] = -INFINITY;
  });
}

/// The greatest score of a row (elements 2 half, 2 half + 1), in each of its four lanes.
__device__ inline float block_top(const float (&s)[kBlockKeys / 8][4], int half) {
  float top = fmaxf(s[0][half * 2], s[0][half * 2 + 1]);
#pragma unroll
  for (int n = 1; n < kBlockKeys / 8; ++n)
    top = fmaxf(top, fmaxf(s[n][half * 2], s[n][half * 2 + 1]));
  top = fmaxf(top, __shfl_xor_sync(~0u, top, 1));
  return fmaxf(top, __shfl_xor_sync(~0u, top, 2));
}

/// A row's step from the blocks before to the next: its maximum, what the sums so far are
/// multiplied by, and what is added to scaled scores.
struct BlockStep {
  float max, keep, shift;
  __device__ BlockStep(float before, float top, float scale) : max(fmaxf(before, top)) {
    const float base = max == -INFINITY ? 0.0f : max;  // Nothing seen yet: p is 0, not NaN.
    shift = -__fmul_rn(base, scale);
    keep = ptx::exp2(__fmul_rn(__fsub_rn(before, base), scale));
  }
};

/// Scores of a row become p; returns this lane's part of their sum.
__device__ inline float weigh(float (&s)[kBlockKeys / 8][4], int half, float scale, float shift) {
  float even = 0, odd = 0;
#pragma unroll
  for (int n = 0; n < kBlockKeys / 8; ++n) {
    float* const x = &s[n][half * 2];
    x[0] = ptx::exp2(__fmaf_rn(x[0], scale, shift));
    x[1] = ptx::exp2(__fmaf_rn(x[1], scale, shift));
    even = __fadd_rn(even, x[0]);
    odd = __fadd_rn(odd, x[1]);
  }
  return __fadd_rn(even, odd);
}

constexpr float kLn2 = 0.6931471805599453f;

/// Where the results of one row and head go.
template <int kHeadDim>
struct RowOutput {
  Bf16* out;
  float* lse;

  __device__ RowOutput(const AttendArgs& args, size_t row, uint32_t head)
      : out(args.out + (row * args.shape.heads + head) * kHeadDim),
        lse(args.lse ? args.lse + row * args.shape.heads + head : nullptr) {}
  /// Tiles of columns from `column` on; elements 2 half and 2 half + 1 of each belong to the row.
  template <int kColumnTiles>
  __device__ void write(const float (&sums)[kColumnTiles][4], uint32_t column, int half, float max,
                        float sum, uint32_t lane) const {
    const float inverse = __frcp_rn(sum);
#pragma unroll
    for (int n = 0; n < kColumnTiles; ++n) {
      *reinterpret_cast<uint32_t*>(out + column + n * 8 + lane % 4 * 2) = ptx::pack(
          __fmul_rn(sums[n][half * 2], inverse), __fmul_rn(sums[n][half * 2 + 1], inverse));
    }
    if (lse && column == 0 && lane % 4 == 0) {
      *lse = __fmaf_rn(__fmul_rn(max, kScale<kHeadDim>), kLn2, logf(sum));
    }
  }
};

/// How the pieces so far and the next are weighed together; the next's maximum and sum become those
/// of all of them.
struct MergeWeights {
  float before, next;
  __device__ MergeWeights(float max, float sum, float& next_max, float& next_sum, float scale) {
    const float top = fmaxf(max, next_max);
    before = ptx::exp2(__fmul_rn(__fsub_rn(max, top), scale));
    next = ptx::exp2(__fmul_rn(__fsub_rn(next_max, top), scale));
    next_max = top;
    next_sum = __fmaf_rn(next_sum, next, __fmul_rn(sum, before));
  }
  __device__ float merge(float so_far, float piece) const {
    return __fmaf_rn(piece, next, __fmul_rn(so_far, before));
  }
};

}  // namespace thespis::gpu::cuda
