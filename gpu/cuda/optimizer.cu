// The arena's operations: a block of threads for each tile.

#include <algorithm>

#include "gpu/cuda/vector.cuh"
#include "gpu/split_float.hpp"

namespace thespis::gpu::cuda {
namespace {

constexpr uint32_t kThreads = 256;

__global__ void squares_kernel(SquaresArgs a) {
  __shared__ double warps[kThreads / kWarp];
  const ParameterTile tile = a.tiles[blockIdx.x];
  const float* x = a.x + tile.offset;
  double sum = 0;
  for (uint32_t i = threadIdx.x * 4; i < tile.size; i += kThreads * 4) {
    const float4 v = *reinterpret_cast<const float4*>(x + i);
    sum += static_cast<double>(v.x * v.x + v.y * v.y + v.z * v.z + v.w * v.w);
  }
#pragma unroll
  for (int step = kWarp / 2; step > 0; step /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, step);
  if (threadIdx.x % kWarp == 0) warps[threadIdx.x / kWarp] = sum;
  __syncthreads();
  if (threadIdx.x != 0) return;
  sum = 0;
  for (const double w : warps) sum += w;
  a.squares[blockIdx.x] = sum;
}

__device__ float4 load4(const float* from) {
  return *reinterpret_cast<const float4*>(from);
}
__device__ void store4(float* to, const float* v) {
  *reinterpret_cast<float4*>(to) = make_float4(v[0], v[1], v[2], v[3]);
}

__global__ void sum_lanes_kernel(SumLanesArgs a) {
  const size_t stride = size_t{gridDim.x} * kThreads * 4;
  for (size_t i = (size_t{blockIdx.x} * kThreads + threadIdx.x) * 4; i < a.size; i += stride) {
    float4 sum = load4(a.lanes[0] + i);
    for (uint32_t l = 1; l < a.count; ++l) {
      const float4 v = load4(a.lanes[l] + i);
      sum = make_float4(sum.x + v.x, sum.y + v.y, sum.z + v.z, sum.w + v.w);
    }
    *reinterpret_cast<float4*>(a.sums + i) = sum;
  }
}

/// Four values of 16 bits.
struct FourHalves {
  uint16_t at[4];
};
__device__ FourHalves load_halves(const void* from) {
  const uint2 raw = *static_cast<const uint2*>(from);
  return {{static_cast<uint16_t>(raw.x), static_cast<uint16_t>(raw.x >> 16),
           static_cast<uint16_t>(raw.y), static_cast<uint16_t>(raw.y >> 16)}};
}
__device__ void store_halves(void* to, const FourHalves& v) {
  *static_cast<uint2*>(to) =
      make_uint2(v.at[0] | uint32_t{v.at[1]} << 16, v.at[2] | uint32_t{v.at[3]} << 16);
}

/// Float weights in their halves.
struct FourSplit {
  FourHalves high, low;
  __device__ float joined(int i) const {
    return __uint_as_float(join_float({high.at[i], low.at[i]}));
  }
  __device__ void split(int i, float value) {
    const SplitFloat s = split_float(__float_as_uint(value));
    high.at[i] = s.high;
    low.at[i] = s.low;
  }
};

__global__ void split_kernel(const float* in, size_t size, Bf16* high, uint16_t* low) {
  const size_t at = (size_t{blockIdx.x} * kThreads + threadIdx.x) * 4;
  if (at >= size) return;
  const float4 v = load4(in + at);
  const float values[4] = {v.x, v.y, v.z, v.w};
  FourSplit split;
#pragma unroll
  for (int i = 0; i < 4; ++i) split.split(i, values[i]);
  if (high != nullptr) store_halves(high + at, split.high);
  if (low != nullptr) store_halves(low + at, split.low);
}

__global__ void join_kernel(const Bf16* high, const uint16_t* low, size_t size, float* out) {
  const size_t at = (size_t{blockIdx.x} * kThreads + threadIdx.x) * 4;
  if (at >= size) return;
  const FourSplit split{load_halves(high + at), load_halves(low + at)};
  const float values[4] = {split.joined(0), split.joined(1), split.joined(2), split.joined(3)};
  store4(out + at, values);
}

__global__ void adamw_kernel(AdamWArgs a) {
  const ParameterTile tile = a.tiles[blockIdx.x];
  const float keep = tile.decays != 0 ? a.keep : 1.0f;
  for (uint32_t i = threadIdx.x * 4; i < tile.size; i += kThreads * 4) {
    const uint64_t at = tile.offset + i;
    const float4 g4 = load4(a.gradient + at);
    const float4 m4 = load4(a.m + at), v4 = load4(a.v + at);
    FourSplit w{load_halves(a.weight_in + at), load_halves(a.weight_low + at)};
    const float g[4] = {g4.x, g4.y, g4.z, g4.w};
    float m[4] = {m4.x, m4.y, m4.z, m4.w}, v[4] = {v4.x, v4.y, v4.z, v4.w};
#pragma unroll
    for (int k = 0; k < 4; ++k) {
      // As gpu/cpu/optimizer.cpp, operation by operation: none is left to be fused or not.
      const float gradient = __fmul_rn(g[k], a.gradient_scale);
      m[k] = __fmaf_rn(a.beta1, m[k], __fmul_rn(a.rest1, gradient));
      v[k] = __fmaf_rn(a.beta2, v[k], __fmul_rn(a.rest2, __fmul_rn(gradient, gradient)));
      const float root = __fmaf_rn(__fsqrt_rn(v[k]), a.inverse_sqrt_correction2, a.epsilon);
      const float update = __fdiv_rn(m[k], root);
      w.split(k, __fmaf_rn(-a.step_size, update, __fmul_rn(keep, w.joined(k))));
    }
    store4(a.m + at, m);
    store4(a.v + at, v);
    store_halves(a.weight_low + at, w.low);
    store_halves(a.weight_out + at, w.high);
  }
}

}  // namespace

void squares(cudaStream_t stream, const SquaresArgs& a) {
  if (a.tile_count == 0) return;
  squares_kernel<<<a.tile_count, kThreads, 0, stream>>>(a);
  check_launch("squares");
}

void sum_lanes(cudaStream_t stream, const SumLanesArgs& a) {
  if (a.size == 0) return;
  constexpr size_t kBlocksMax = 132 * 8;
  const size_t blocks = (a.size / 4 + kThreads - 1) / kThreads;
  sum_lanes_kernel<<<static_cast<unsigned>(std::min(blocks, kBlocksMax)), kThreads, 0, stream>>>(a);
  check_launch("sum_lanes");
}

void split_floats(cudaStream_t stream, const float* in, size_t size, Bf16* high, uint16_t* low) {
  if (size == 0) return;
  split_kernel<<<blocks_for(size, kThreads * 4), kThreads, 0, stream>>>(in, size, high, low);
  check_launch("split_floats");
}

void join_floats(cudaStream_t stream, const Bf16* high, const uint16_t* low, size_t size,
                 float* out) {
  if (size == 0) return;
  join_kernel<<<blocks_for(size, kThreads * 4), kThreads, 0, stream>>>(high, low, size, out);
  check_launch("join_floats");
}

void adamw(cudaStream_t stream, const AdamWArgs& a) {
  if (a.tile_count == 0) return;
  adamw_kernel<<<a.tile_count, kThreads, 0, stream>>>(a);
  check_launch("adamw");
}

}  // namespace thespis::gpu::cuda
