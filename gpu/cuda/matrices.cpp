#include "gpu/cuda/matrices.hpp"

#include <algorithm>
#include <bit>
#include <string>

#include "runtime/base/error.hpp"

namespace thespis::gpu::cuda {
namespace {

constexpr size_t kWorkspaceBytes = size_t{64} << 20;
constexpr int kCandidates = 24;
constexpr uint64_t kRowBucket = 64;  // Products whose rows differ less share an algorithm.

void check(cublasStatus_t status, const char* what) {
  if (status != CUBLAS_STATUS_SUCCESS)
    throw Error(std::string("cuda: ") + what + ": " + cublasLtGetStatusString(status));
}

/// A descriptor of cuBLASLt, destroyed at the end.
template <class T, cublasStatus_t (*kDestroy)(T)>
class Owned {
 public:
  Owned() = default;
  ~Owned() {
    if (at_ != nullptr) kDestroy(at_);
  }
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;
  T* operator&() { return &at_; }
  operator T() const { return at_; }

 private:
  T at_ = nullptr;
};
using Operation = Owned<cublasLtMatmulDesc_t, cublasLtMatmulDescDestroy>;
using Layout = Owned<cublasLtMatrixLayout_t, cublasLtMatrixLayoutDestroy>;
using Preference = Owned<cublasLtMatmulPreference_t, cublasLtMatmulPreferenceDestroy>;

uint32_t alignment_of(const void* p) {
  return uint32_t{1} << std::min(std::countr_zero(reinterpret_cast<uintptr_t>(p)), 8);
}

/// A part of an algorithm's configuration.
uint32_t part(const cublasLtMatmulAlgo_t& algorithm, cublasLtMatmulAlgoConfigAttributes_t which) {
  uint32_t value = 0;
  size_t written = 0;
  check(cublasLtMatmulAlgoConfigGetAttribute(&algorithm, which, &value, sizeof(value), &written),
        "reading an algorithm");
  return value;
}

void layout(Layout& to, cudaDataType type, bool swap, uint64_t rows, uint64_t cols,
            uint64_t stride) {
  check(cublasLtMatrixLayoutCreate(&to, type, swap ? cols : rows, swap ? rows : cols,
                                   static_cast<int64_t>(stride)),
        "a matrix");
}

}  // namespace

Matrices::Matrices() {
  check(cublasLtCreate(&handle_), "cublasLtCreate");
  cuda::check(cudaMalloc(&workspace_, kWorkspaceBytes), "the workspace of matrix products");
}

Matrices::~Matrices() {
  cudaFree(workspace_);
  cublasLtDestroy(handle_);
}

void Matrices::linear(cudaStream_t stream, const on_device::LinearArgs& a) {
  if (a.rows == 0) return;
  const bool to_float = a.y_float != nullptr;
  run(stream, {.transpose_a = true,
               .transpose_b = false,
               .m = a.outputs,
               .n = a.rows,
               .k = a.inputs,
               .a = a.weight,
               .a_stride = a.inputs,
               .b = a.x,
               .b_stride = a.inputs,
               .c = to_float ? nullptr : a.residual,
               .out = to_float ? static_cast<void*>(a.y_float) : a.y,
               .out_stride = a.y_stride,
               .out_is_float = to_float,
               .whole_k = true});
}

void Matrices::input_gradient(cudaStream_t stream, const on_device::LinearInputGradientArgs& a) {
  if (a.rows == 0) return;
  run(stream, {.transpose_a = false,
               .transpose_b = false,
               .m = a.inputs,
               .n = a.rows,
               .k = a.outputs,
               .a = a.weight,
               .a_stride = a.inputs,
               .b = a.dy,
               .b_stride = a.dy_stride,
               .c = a.accumulate ? a.dx : nullptr,
               .out = a.dx,
               .out_stride = a.inputs,
               .out_is_float = false,
               .whole_k = false});
}

void Matrices::weight_gradient(cudaStream_t stream, const on_device::WeightGradientArgs& a) {
  if (a.rows == 0) return;
  run(stream, {.transpose_a = false,
               .transpose_b = true,
               .m = a.inputs,
               .n = a.outputs,
               .k = a.rows,
               .a = a.x,
               .a_stride = a.inputs,
               .b = a.dy,
               .b_stride = a.dy_stride,
               .c = a.dw,
               .out = a.dw,
               .out_stride = a.inputs,
               .out_is_float = true,
               .whole_k = false});
}

void Matrices::run(cudaStream_t stream, const Product& p) {
  Operation operation;
  check(cublasLtMatmulDescCreate(&operation, CUBLAS_COMPUTE_32F, CUDA_R_32F), "a product");
  const cublasOperation_t transposed = CUBLAS_OP_T;
  const auto transpose = [&](cublasLtMatmulDescAttributes_t which) {
    check(cublasLtMatmulDescSetAttribute(operation, which, &transposed, sizeof(transposed)),
          "a product");
  };
  if (p.transpose_a) transpose(CUBLASLT_MATMUL_DESC_TRANSA);
  if (p.transpose_b) transpose(CUBLASLT_MATMUL_DESC_TRANSB);
  Layout a, b, out;
  layout(a, CUDA_R_16BF, p.transpose_a, p.m, p.k, p.a_stride);
  layout(b, CUDA_R_16BF, p.transpose_b, p.k, p.n, p.b_stride);
  layout(out, p.out_is_float ? CUDA_R_32F : CUDA_R_16BF, false, p.m, p.n, p.out_stride);

  const void* added = p.c == nullptr ? p.out : p.c;
  const uint32_t alignment = std::min({alignment_of(p.a), alignment_of(p.b), alignment_of(added),
                                       alignment_of(p.out), alignment_of(workspace_)});
  // Only products under the row contract come with ever other rows, and only their algorithms are
  // such that one that serves a bucket serves all of its rows.
  const auto bucket = [](uint64_t rows) { return (rows + kRowBucket - 1) / kRowBucket; };
  const Key key{p.transpose_a,
                p.transpose_b,
                p.m,
                p.whole_k ? bucket(p.n) : p.n,
                p.k,
                p.a_stride,
                p.b_stride,
                p.out_stride,
                p.c != nullptr,
                p.out_is_float,
                alignment};
  auto found = algorithms_.find(key);
  if (found == algorithms_.end())
    found = algorithms_.emplace(key, choose(p, operation, {a, b, out}, alignment)).first;
  const float alpha = 1, beta = p.c == nullptr ? 0.0f : 1.0f;
  check(cublasLtMatmul(handle_, operation, &alpha, p.a, a, p.b, b, &beta, added, out, p.out, out,
                       &found->second, workspace_, kWorkspaceBytes, stream),
        "a matrix product");
}

/// True if the algorithm is tiled and runs without splitting K; it is changed not to.
bool Matrices::keeps_contract(cublasLtMatmulAlgo_t& algorithm, cublasLtMatmulDesc_t operation,
                              const cublasLtMatrixLayout_t (&layouts)[3]) const {
  if (part(algorithm, CUBLASLT_ALGO_CONFIG_TILE_ID) == CUBLASLT_MATMUL_TILE_UNDEFINED) return false;
  if (part(algorithm, CUBLASLT_ALGO_CONFIG_SPLITK_NUM) <= 1) return true;
  const uint32_t split = 1, scheme = CUBLASLT_REDUCTION_SCHEME_NONE;
  check(cublasLtMatmulAlgoConfigSetAttribute(&algorithm, CUBLASLT_ALGO_CONFIG_SPLITK_NUM, &split,
                                             sizeof(split)),
        "an algorithm");
  check(cublasLtMatmulAlgoConfigSetAttribute(&algorithm, CUBLASLT_ALGO_CONFIG_REDUCTION_SCHEME,
                                             &scheme, sizeof(scheme)),
        "an algorithm");
  cublasLtMatmulHeuristicResult_t result;
  return cublasLtMatmulAlgoCheck(handle_, operation, layouts[0], layouts[1], layouts[2], layouts[2],
                                 &algorithm, &result) == CUBLAS_STATUS_SUCCESS &&
         result.workspaceSize <= kWorkspaceBytes;
}

cublasLtMatmulAlgo_t Matrices::choose(const Product& p, cublasLtMatmulDesc_t operation,
                                      const cublasLtMatrixLayout_t (&layouts)[3],
                                      uint32_t alignment) {
  Preference preference;
  check(cublasLtMatmulPreferenceCreate(&preference), "a preference");
  const auto prefer = [&](cublasLtMatmulPreferenceAttributes_t which, const auto& value) {
    check(cublasLtMatmulPreferenceSetAttribute(preference, which, &value, sizeof(value)),
          "a preference");
  };
  prefer(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, kWorkspaceBytes);
  for (const auto which :
       {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
        CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES})
    prefer(which, alignment);
  // For a full bucket of rows: for a few, the first choices are not tiled.
  Layout rows_in, rows_out;
  const uint64_t full = (p.n + kRowBucket - 1) / kRowBucket * kRowBucket;
  const uint64_t n = p.whole_k ? full : p.n;
  layout(rows_in, CUDA_R_16BF, p.transpose_b, p.k, n, p.b_stride);
  layout(rows_out, p.out_is_float ? CUDA_R_32F : CUDA_R_16BF, false, p.m, n, p.out_stride);
  cublasLtMatmulHeuristicResult_t results[kCandidates];
  int count = 0;
  check(cublasLtMatmulAlgoGetHeuristic(handle_, operation, layouts[0], rows_in, rows_out, rows_out,
                                       preference, kCandidates, results, &count),
        "choosing an algorithm");
  for (int i = 0; i < count; ++i)
    if (results[i].state == CUBLAS_STATUS_SUCCESS &&
        (!p.whole_k || keeps_contract(results[i].algo, operation, layouts)))
      return results[i].algo;
  throw Error("cuda: no algorithm that keeps the row contract for a product of " +
              std::to_string(p.m) + " x " + std::to_string(p.n) + " x " + std::to_string(p.k));
}

}  // namespace thespis::gpu::cuda
