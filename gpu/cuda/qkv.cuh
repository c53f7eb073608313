#pragma once
// What stands between the product of q, k, v and attention, for one thread's part of a row: bias,
// head norm, rotation, pages. The arithmetic is spelled out: all kernels give the same bits. A
// thread holds eight pairs (i, i + head_dim / 2) of one head; a head's threads are neighbours.

#include "gpu/cuda/vector.cuh"

namespace thespis::gpu::cuda {

/// AttendShape's sizes are not for device code.
__device__ inline uint32_t row_width(const AttendShape& s) {
  return (s.heads + 2 * s.kv_heads) * s.head_dim;
}

/// Where a thread's sixteen values lie in a row, and what they belong to.
struct Unit {
  uint32_t head, low, high;  // Of all heads: q, k, v; first columns of the two halves.
  uint32_t dim;              // Of the first value, within the head.
  bool rotates;
};
__device__ inline Unit unit_of(const AttendShape& s, uint32_t index) {
  const uint32_t units = s.head_dim / (2 * kVector);  // Of one head; a power of two.
  Unit u;
  u.head = index / units;
  u.dim = index % units * kVector;
  u.low = u.head * s.head_dim + u.dim;
  u.high = u.low + s.head_dim / 2;
  u.rotates = u.head < s.heads + s.kv_heads;
  return u;
}

/// Sum over the threads of a head, the same bits in each. All lanes of the warp call it.
__device__ inline float head_sum(float v, uint32_t units) {
  for (uint32_t step = units / 2; step > 0; step /= 2) v += __shfl_xor_sync(0xffffffffu, v, step);
  return v;
}

__device__ inline void rotate(Eight& low, Eight& high, const float* table, uint32_t half,
                              bool back) {
#pragma unroll
  for (int i = 0; i < static_cast<int>(kVector); ++i) {
    const float c = table[i], s = back ? -table[half + i] : table[half + i];
    const float a = low.at[i], b = high.at[i];
    low.at[i] = __fmaf_rn(a, c, -__fmul_rn(b, s));
    high.at[i] = __fmaf_rn(b, c, __fmul_rn(a, s));
  }
}

__device__ inline const Bf16* norm_weight(const FinishQkvArgs& a, const Unit& u) {
  if (a.q_norm == nullptr || !u.rotates) return nullptr;
  return (u.head < a.shape.heads ? a.q_norm : a.k_norm) + u.dim;
}

/// A unit's keys or values, to the page of their position.
__device__ inline void store_in_page(const FinishQkvArgs& a, uint32_t table_row, uint32_t position,
                                     const Unit& u, const Eight& low, const Eight& high) {
  const AttendShape& s = a.shape;
  if (u.head < s.heads) return;
  const bool value = !u.rotates;
  const uint32_t kv_head = u.head - s.heads - (value ? s.kv_heads : 0);
  const uint32_t page =
      a.pages.table[size_t{table_row} * a.pages.table_stride + position / kPageTokens];
  Bf16* to = a.pages.base +
             ((size_t{page} * s.kv_heads + kv_head) * 2 + value) * kPageTokens * s.head_dim +
             size_t{position % kPageTokens} * s.head_dim + u.dim;
  store8(to, low);
  store8(to + s.head_dim / 2, high);
}

/// The unit's values of a row, finished. All lanes of the warp call it, with units of whole heads.
__device__ inline void finish_unit(const FinishQkvArgs& a, size_t row, uint32_t position,
                                   const Unit& u, Eight& low, Eight& high) {
  const AttendShape& s = a.shape;
  const Bf16* from = a.in + row * row_width(s);
  low = load8(from + u.low);
  high = load8(from + u.high);
  if (a.bias != nullptr) {
    const Eight l = load8(a.bias + u.low), h = load8(a.bias + u.high);
#pragma unroll
    for (int i = 0; i < static_cast<int>(kVector); ++i) {
      low.at[i] = __fadd_rn(low.at[i], l.at[i]);
      high.at[i] = __fadd_rn(high.at[i], h.at[i]);
    }
  }
  if (a.q_norm != nullptr) {
    float sum = 0;
#pragma unroll
    for (int i = 0; i < static_cast<int>(kVector); ++i)
      sum = fmaf(low.at[i], low.at[i], fmaf(high.at[i], high.at[i], sum));
    sum = head_sum(sum, s.head_dim / (2 * kVector));
    if (const Bf16* weight = norm_weight(a, u)) {
      const float mean = __fdiv_rn(sum, static_cast<float>(s.head_dim));
      const float inverse = rsqrtf(__fadd_rn(mean, a.eps));
      const Eight l = load8(weight), h = load8(weight + s.head_dim / 2);
#pragma unroll
      for (int i = 0; i < static_cast<int>(kVector); ++i) {
        low.at[i] = __fmul_rn(low.at[i], __fmul_rn(inverse, l.at[i]));
        high.at[i] = __fmul_rn(high.at[i], __fmul_rn(inverse, h.at[i]));
      }
    }
  }
  if (u.rotates)
    rotate(low, high, a.rope_table + size_t{position} * s.head_dim + u.dim, s.head_dim / 2, false);
}

}  // namespace thespis::gpu::cuda
