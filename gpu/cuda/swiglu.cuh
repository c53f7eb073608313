#pragma once
// The gate, alone or at the end of a product: the same bits.

#include "gpu/cuda/vector.cuh"

namespace thespis::gpu::cuda {

__device__ inline float sigmoid(float x) {
  return 1.0f / (1.0f + __expf(-x));
}

/// silu(gate) up.
__device__ inline float swiglu_of(float gate, float up) {
  return __fmul_rn(__fmul_rn(gate, sigmoid(gate)), up);
}

/// To bf16 and back.
__device__ inline float rounded(float x) {
  return __bfloat162float(__float2bfloat16_rn(x));
}

}  // namespace thespis::gpu::cuda
