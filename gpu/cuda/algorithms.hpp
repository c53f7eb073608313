#pragma once
// The choice of an algorithm for a product.

#include "gpu/cuda/lt.hpp"
#include "gpu/cuda/matrices.hpp"

namespace thespis::gpu::cuda {

/// How a product runs: by a kernel of few_rows.hpp, or by an algorithm of cuBLASLt.
struct Choice {
  uint32_t few_rows_tile = 0;  ///< 0: not by it.
  cublasLtMatmulAlgo_t algorithm;
};

/// A product with its descriptors, ready to run with any algorithm.
struct Algorithms::Call {
  const Product& p;
  cublasLtHandle_t handle;
  cudaStream_t stream;
  void* workspace;     ///< kWorkspaceBytes.
  uint32_t alignment;  ///< Of all arrays, bytes.
  lt::Operation operation;
  lt::Layout a, b, out;

  Call(const Product& product, cublasLtHandle_t lt_handle, cudaStream_t on, void* scratch);
  Key key() const;
  std::string sizes() const;
  /// False if the product does not run so.
  bool run(const Choice& choice, void* to) const;
};

/// A way to run a product that was tried.
struct Tried {
  Choice choice;
  float ms;
  bool same_bits;  ///< As the first.
};
/// All ways to run a product under the row contract; none where there is no memory to try.
std::vector<Tried> try_all(const Algorithms::Call& call);

}  // namespace thespis::gpu::cuda
