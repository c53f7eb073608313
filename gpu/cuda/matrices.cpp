#include "gpu/cuda/matrices.hpp"

#include <utility>

#include "gpu/cuda/algorithms.hpp"
#include "gpu/device_sizes.hpp"

namespace thespis::gpu::cuda {
namespace {

// Sums of a gradient over more than this, a vocabulary, are better split.
constexpr uint32_t kWholeSumMax = 65536;

}  // namespace

Matrices::Matrices(std::shared_ptr<Algorithms> algorithms, bool row_contract)
    : algorithms_(std::move(algorithms)), row_contract_(row_contract) {
  lt::check(cublasLtCreate(&handle_), "cublasLtCreate");
  check(cudaMalloc(&workspace_, kWorkspaceBytes), "the workspace of matrix products");
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
               .whole_k = row_contract_});
}

void Matrices::gated_linear(cudaStream_t stream, const on_device::GatedLinearArgs& a) {
  if (a.rows == 0) return;
  run(stream, {.transpose_a = true,
               .transpose_b = false,
               .m = 2 * uint64_t{a.outputs},
               .n = a.rows,
               .k = a.inputs,
               .a = a.weight,
               .a_stride = a.inputs,
               .b = a.x,
               .b_stride = a.inputs,
               .c = nullptr,
               .out = a.y,
               .out_stride = 2 * uint64_t{a.outputs},
               .out_is_float = false,
               .whole_k = row_contract_,
               .gate_up = a.gate_up});
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
               .whole_k = a.outputs <= kWholeSumMax});
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
               .c = a.accumulate ? a.dw : nullptr,
               .out = a.dw,
               .out_stride = a.inputs,
               .out_is_float = true,
               .whole_k = false});
}

void Matrices::run(cudaStream_t stream, const Product& p) {
  const Algorithms::Call call(p, handle_, stream, workspace_);
  if (!call.run(algorithms_->of(call), p.out))
    throw Error("cuda: a product of " + call.sizes() + " does not run");
}

}  // namespace thespis::gpu::cuda
