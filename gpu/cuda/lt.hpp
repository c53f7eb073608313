#pragma once
// cuBLASLt's descriptors with owners, and its statuses as errors.

#include <cublasLt.h>

#include <string>

#include "runtime/base/error.hpp"

namespace thespis::gpu::cuda::lt {

inline void check(cublasStatus_t status, const char* what) {
  if (status != CUBLAS_STATUS_SUCCESS)
    throw Error(std::string("cuda: ") + what + ": " + cublasLtGetStatusString(status));
}

/// A descriptor, destroyed at the end.
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

/// `swap`: the matrix lies transposed.
inline void layout(Layout& to, cudaDataType type, bool swap, uint64_t rows, uint64_t cols,
                   uint64_t stride) {
  check(cublasLtMatrixLayoutCreate(&to, type, swap ? cols : rows, swap ? rows : cols,
                                   static_cast<int64_t>(stride)),
        "a matrix");
}

}  // namespace thespis::gpu::cuda::lt
