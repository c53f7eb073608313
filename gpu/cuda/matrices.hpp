#pragma once
// Matrix products through cuBLASLt. For products under the row contract only tiled tensor-core
// algorithms that do not split K are taken: all of those give the same bits, for any tile and any
// number of rows (measured; the engine checks it again at its start, model/device/device_model).
// Those for single rows and without tiles do not.

#include <cublasLt.h>
#include <cuda_runtime_api.h>

#include <map>
#include <tuple>

#include "gpu/cuda/kernels.hpp"

namespace thespis::gpu::cuda {

/// Of one stream.
class Matrices {
 public:
  Matrices();
  ~Matrices();
  Matrices(const Matrices&) = delete;
  Matrices& operator=(const Matrices&) = delete;

  void linear(cudaStream_t stream, const on_device::LinearArgs& a);
  void input_gradient(cudaStream_t stream, const on_device::LinearInputGradientArgs& a);
  void weight_gradient(cudaStream_t stream, const on_device::WeightGradientArgs& a);

 private:
  /// out [m, n] = op(a) op(b) (+ c), column-major as cuBLAS has it.
  struct Product {
    bool transpose_a, transpose_b;
    uint64_t m, n, k;
    const Bf16* a;
    uint64_t a_stride;
    const Bf16* b;
    uint64_t b_stride;
    const void* c;  ///< Added, laid out as `out`; or null.
    void* out;
    uint64_t out_stride;
    bool out_is_float;
    bool whole_k;  ///< The row contract.
  };
  using Key = std::tuple<bool, bool, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t,
                         bool, bool, uint32_t>;
  void run(cudaStream_t stream, const Product& p);
  cublasLtMatmulAlgo_t choose(const Product& p, cublasLtMatmulDesc_t operation,
                              const cublasLtMatrixLayout_t (&layouts)[3], uint32_t alignment);
  bool keeps_contract(cublasLtMatmulAlgo_t& algorithm, cublasLtMatmulDesc_t operation,
                      const cublasLtMatrixLayout_t (&layouts)[3]) const;

  cublasLtHandle_t handle_ = nullptr;
  void* workspace_ = nullptr;
  std::map<Key, cublasLtMatmulAlgo_t> algorithms_;
};

}  // namespace thespis::gpu::cuda
