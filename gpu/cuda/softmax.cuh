#pragma once
// The softmax of one row of logits, by all threads of a block: the same code for scoring and for
// drawing, so that both give the same bits (SAME-MATH).

#include "gpu/cuda/vector.cuh"

namespace thespis::gpu::cuda {

constexpr uint32_t kHeadThreads = 512;
constexpr uint32_t kHeadWarps = kHeadThreads / kWarp;
constexpr float kLowest = -1e30f;  // Below any logit; finite, so that differences stay finite.

/// Over some of a row's elements z, tempered.
struct Softmax {
  float greatest = kLowest;
  float sum = 0;       // Of exp(z - greatest).
  float weighted = 0;  // Of exp(z - greatest) * (z - greatest).
};

/// Moves the sums from one greatest element to a greater.
__device__ inline void raise(Softmax& s, float greatest) {
  const float step = s.greatest - greatest, factor = __expf(step);
  s.weighted = __fmul_rn(factor, __fmaf_rn(s.sum, step, s.weighted));
  s.sum = __fmul_rn(factor, s.sum);
  s.greatest = greatest;
}

/// Of both; the same bits whichever is first.
__device__ inline Softmax merge(Softmax a, Softmax b) {
  const float greatest = fmaxf(a.greatest, b.greatest);
  raise(a, greatest);
  raise(b, greatest);
  a.sum = __fadd_rn(a.sum, b.sum);
  a.weighted = __fadd_rn(a.weighted, b.weighted);
  return a;
}

/// Four elements of a row as they lie at `column`, tempered; those beyond the vocabulary are
/// kLowest.
__device__ inline float4 tempered(float4 z, uint32_t column, uint32_t vocab, float scale) {
  z.x = column < vocab ? z.x * scale : kLowest;
  z.y = column + 1 < vocab ? z.y * scale : kLowest;
  z.z = column + 2 < vocab ? z.z * scale : kLowest;
  z.w = column + 3 < vocab ? z.w * scale : kLowest;
  return z;
}
__device__ inline float4 tempered(const float* row, uint32_t column, uint32_t vocab, float scale) {
  return tempered(*reinterpret_cast<const float4*>(row + column), column, vocab, scale);
}

__device__ inline void add(Softmax& s, float z) {
  const float d = z - s.greatest, e = __expf(d);
  s.sum = __fadd_rn(s.sum, e);
  s.weighted = __fmaf_rn(e, d, s.weighted);
}

/// This thread's elements: every kHeadThreads-th four. Some fours at a time, the next on their way.
__device__ inline Softmax thread_softmax(const float* row, uint32_t vocab, float scale) {
  constexpr uint32_t kStep = kHeadThreads * 4, kFours = 4;
  const uint32_t last = (vocab - 1) / 4 * 4;
  float4 next[kFours];
  const auto load = [&](uint32_t first) {
#pragma unroll
    for (uint32_t i = 0; i < kFours; ++i)
      next[i] = *reinterpret_cast<const float4*>(row + min(first + i * kStep, last));
  };
  Softmax s;
  load(threadIdx.x * 4);
  for (uint32_t first = threadIdx.x * 4; first < vocab; first += kStep * kFours) {
    float4 z[kFours];
    float greatest = s.greatest;
#pragma unroll
    for (uint32_t i = 0; i < kFours; ++i) {
      z[i] = tempered(next[i], first + i * kStep, vocab, scale);
      greatest = fmaxf(greatest, fmaxf(fmaxf(z[i].x, z[i].y), fmaxf(z[i].z, z[i].w)));
    }
    load(first + kStep * kFours);
    if (greatest > s.greatest) raise(s, greatest);
#pragma unroll
    for (const float4& four : z) {
      add(s, four.x);
      add(s, four.y);
      add(s, four.z);
      add(s, four.w);
    }
  }
  return s;
}

/// Of the whole row, the same bits in each thread.
__device__ inline Softmax row_softmax(Softmax mine) {
  __shared__ Softmax warps[kHeadWarps];
#pragma unroll
  for (int step = kWarp / 2; step > 0; step /= 2) {
    Softmax other;
    other.greatest = __shfl_xor_sync(0xffffffffu, mine.greatest, step);
    other.sum = __shfl_xor_sync(0xffffffffu, mine.sum, step);
    other.weighted = __shfl_xor_sync(0xffffffffu, mine.weighted, step);
    mine = merge(mine, other);
  }
  if (threadIdx.x % kWarp == 0) warps[threadIdx.x / kWarp] = mine;
  __syncthreads();
  Softmax all = warps[0];
  for (uint32_t w = 1; w < kHeadWarps; ++w) all = merge(all, warps[w]);
  return all;
}

__device__ inline float log_prob_of(const Softmax& s, float z) {
  return (z - s.greatest) - logf(s.sum);
}

}  // namespace thespis::gpu::cuda
