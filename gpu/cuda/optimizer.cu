// The arena's operations: a block of threads for each tile.

#include <algorithm>

#include "gpu/cuda/vector.cuh"

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

__global__ void adamw_kernel(AdamWArgs a) {
  const ParameterTile tile = a.tiles[blockIdx.x];
  const float keep = tile.decays != 0 ? a.keep : 1.0f;
  const float rest1 = 1.0f - a.beta1, rest2 = 1.0f - a.beta2;
  for (uint32_t i = threadIdx.x * 4; i < tile.size; i += kThreads * 4) {
    const uint64_t at = tile.offset + i;
    const float4 g4 = load4(a.gradient + at), w4 = load4(a.master + at);
    const float4 m4 = load4(a.m + at), v4 = load4(a.v + at);
    const float g[4] = {g4.x, g4.y, g4.z, g4.w};
    float w[4] = {w4.x, w4.y, w4.z, w4.w};
    float m[4] = {m4.x, m4.y, m4.z, m4.w}, v[4] = {v4.x, v4.y, v4.z, v4.w};
#pragma unroll
    for (int k = 0; k < 4; ++k) {
      const float gradient = g[k] * a.gradient_scale;
      m[k] = a.beta1 * m[k] + rest1 * gradient;
      v[k] = a.beta2 * v[k] + rest2 * (gradient * gradient);
      const float root = sqrtf(v[k]) * a.inverse_sqrt_correction2 + a.epsilon;
      w[k] = keep * w[k] - a.step_size * (m[k] / root);
    }
    store4(a.master + at, w);
    store4(a.m + at, m);
    store4(a.v + at, v);
    const __nv_bfloat162 low = __floats2bfloat162_rn(w[0], w[1]);
    const __nv_bfloat162 high = __floats2bfloat162_rn(w[2], w[3]);
    *reinterpret_cast<uint2*>(a.weight_out + at) = make_uint2(
        *reinterpret_cast<const uint32_t*>(&low), *reinterpret_cast<const uint32_t*>(&high));
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

void adamw(cudaStream_t stream, const AdamWArgs& a) {
  if (a.tile_count == 0) return;
  adamw_kernel<<<a.tile_count, kThreads, 0, stream>>>(a);
  check_launch("adamw");
}

}  // namespace thespis::gpu::cuda
