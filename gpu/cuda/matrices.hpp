#pragma once
// Matrix products through cuBLASLt. Where K is not split and the algorithm is a tiled one of the
// tensor cores, all algorithms give the same bits, for any tile and any number of rows (measured;
// the choice compares them, and the engine checks its shapes at its start, model/device). Products
// under the row contract take only such algorithms, so the fastest may be chosen by measuring.

#include <cublasLt.h>
#include <cuda_runtime_api.h>

#include <map>
#include <memory>
#include <mutex>
#include <tuple>
#include <vector>

#include "gpu/cuda/kernels.hpp"

namespace thespis::gpu::cuda {

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
  bool whole_k;  ///< K is not split.
  /// Where not null: the product goes here, bf16, laid out as `out` would be, and to out [m / 2, n]
  /// the first half's silu times the second.
  Bf16* gate_up = nullptr;
};

struct Choice;  // algorithms.hpp

/// The algorithms chosen so far on one card, for all its streams.
class Algorithms {
 public:
  /// Alignments and rounded sizes, so that one algorithm serves all products of a key.
  using Key = std::tuple<bool, bool, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t,
                         bool, bool, bool, uint32_t>;
  struct Call;

  Algorithms();
  ~Algorithms();
  /// What `call` takes; the first of its key is tried out, and the stream waited for.
  Choice of(const Call& call);

 private:
  std::mutex mutex_;
  std::map<Key, Choice> chosen_;
};

/// Of one stream.
class Matrices {
 public:
  /// Without the row contract every product may take any algorithm.
  Matrices(std::shared_ptr<Algorithms> algorithms, bool row_contract);
  ~Matrices();
  Matrices(const Matrices&) = delete;
  Matrices& operator=(const Matrices&) = delete;

  void linear(cudaStream_t stream, const on_device::LinearArgs& a);
  void gated_linear(cudaStream_t stream, const on_device::GatedLinearArgs& a);
  void input_gradient(cudaStream_t stream, const on_device::LinearInputGradientArgs& a);
  void weight_gradient(cudaStream_t stream, const on_device::WeightGradientArgs& a);

 private:
  void run(cudaStream_t stream, const Product& p);

  const std::shared_ptr<Algorithms> algorithms_;
  const bool row_contract_;
  cublasLtHandle_t handle_ = nullptr;
  void* workspace_ = nullptr;
};

}  // namespace thespis::gpu::cuda
