#pragma once
// Products of few rows (a decode step's), for which starting and ending costs as much as the work:
// its weights come in while the kernel before it ends, and what follows the product is done where
// its sums lie. Same bits as the tiled algorithms of matrices.hpp: sums run over K in steps of 16.

#include <cuda_runtime_api.h>

#include "gpu/cuda/kernels.hpp"

namespace thespis::gpu::cuda {

constexpr size_t kFewRowsMax = 512;
constexpr uint32_t kFewRowsStep = 128;  ///< Inputs are a multiple of it.
/// Rows of a block's tile.
constexpr uint32_t kFewRowsTiles[] = {16, 32, 64};

struct FewRowsArgs {
  const Bf16* x;  ///< [rows, inputs].
  size_t rows;
  const Bf16* weight;  ///< [outputs, inputs]; gated: [2 outputs, inputs], gates first.
  uint32_t outputs;
  uint32_t inputs;
  bool gated;            ///< y = silu(gate) up, both rounded before.
  const Bf16* residual;  ///< Added to y, or null; may be y.
  Bf16* y;               ///< [rows, outputs].
};

/// `tile`: one of kFewRowsTiles.
void few_rows(cudaStream_t, const FewRowsArgs&, uint32_t tile);

}  // namespace thespis::gpu::cuda
