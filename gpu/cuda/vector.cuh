#pragma once
// Eight bf16 values at a time, and sums over a row's threads.

#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include "gpu/cuda/kernels.hpp"

namespace thespis::gpu::cuda {

constexpr uint32_t kWarp = 32;
constexpr uint32_t kVector = 8;

struct Eight {
  float at[kVector];
};

__device__ inline Eight load8(const Bf16* from) {
  const uint4 raw = *reinterpret_cast<const uint4*>(from);
  const uint32_t words[4] = {raw.x, raw.y, raw.z, raw.w};
  Eight v;
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    v.at[2 * i] = __uint_as_float(words[i] << 16);
    v.at[2 * i + 1] = __uint_as_float(words[i] & 0xffff0000u);
  }
  return v;
}

__device__ inline void store8(Bf16* to, const Eight& v) {
  uint32_t words[4];
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const __nv_bfloat162 pair = __floats2bfloat162_rn(v.at[2 * i], v.at[2 * i + 1]);
    words[i] = *reinterpret_cast<const uint32_t*>(&pair);
  }
  *reinterpret_cast<uint4*>(to) = make_uint4(words[0], words[1], words[2], words[3]);
}

/// The sum over the lanes of a warp, the same bits in each.
__device__ inline float warp_sum(float v) {
#pragma unroll
  for (int step = kWarp / 2; step > 0; step /= 2) v += __shfl_xor_sync(0xffffffffu, v, step);
  return v;
}

constexpr uint32_t blocks_for(size_t items, uint32_t each) {
  return static_cast<uint32_t>((items + each - 1) / each);
}

/// After a launch.
inline void check_launch(const char* what) {
  check(cudaGetLastError(), what);
}

}  // namespace thespis::gpu::cuda
