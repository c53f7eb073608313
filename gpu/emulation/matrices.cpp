// Matrix products: the chain of the CPU's for each output, then the residual, then one rounding.

#include "gpu/emulation/bf16.hpp"
#include "gpu/emulation/kernels.hpp"

namespace thespis::gpu::emulation {
namespace {

/// [rows, outputs] of x W^T; `transposed` reads W as [inputs, outputs].
void multiply(const Floats& x, size_t rows, const Bf16* weight, uint32_t outputs, uint32_t inputs,
              bool transposed, float* y, size_t y_stride) {
  const Ops& cpu = cpu_ops();
  const Floats w = widened(weight, size_t{outputs} * inputs);
  Floats panels(cpu.packed_size(outputs, inputs));
  cpu.pack({w.data(), outputs, inputs, transposed, panels.data()});
  cpu.linear(
      {x.data(), rows, inputs, panels.data(), outputs, inputs, nullptr, nullptr, y, y_stride});
}

/// += rows of bf16 of the same shape, `stride` apart.
void add(const Bf16* from, size_t stride, size_t rows, uint32_t width, float* to) {
  for (size_t r = 0; r < rows; ++r)
    for (uint32_t c = 0; c < width; ++c) to[r * width + c] += widened(from[r * stride + c]);
}

}  // namespace

void linear(const LinearArgs& a) {
  if (a.rows == 0) return;
  const Floats x = widened(a.x, a.rows * a.inputs);
  if (a.y_float != nullptr)
    return multiply(x, a.rows, a.weight, a.outputs, a.inputs, false, a.y_float, a.y_stride);
  Floats y(a.rows * a.outputs);
  multiply(x, a.rows, a.weight, a.outputs, a.inputs, false, y.data(), a.outputs);
  if (a.residual != nullptr) add(a.residual, a.y_stride, a.rows, a.outputs, y.data());
  for (size_t r = 0; r < a.rows; ++r)
    round_to(y.data() + r * a.outputs, a.outputs, a.y + r * a.y_stride);
}

void gated_linear(const GatedLinearArgs& a) {
  const uint32_t outputs = 2 * a.outputs;
  linear({a.x, a.rows, a.weight, outputs, a.inputs, nullptr, a.gate_up, nullptr, outputs});
  swiglu(a.gate_up, a.rows, a.outputs, a.y);
  spoil(a.gate_up, a.rows * outputs * sizeof(Bf16));
}

void input_gradient(const LinearInputGradientArgs& a) {
  if (a.rows == 0) return;
  const Floats dy = widened(a.dy, a.rows, a.outputs, a.dy_stride);
  Floats dx(a.rows * a.inputs);
  multiply(dy, a.rows, a.weight, a.inputs, a.outputs, true, dx.data(), a.inputs);
  if (a.accumulate) add(a.dx, a.inputs, a.rows, a.inputs, dx.data());
  round_to(dx.data(), dx.size(), a.dx);
}

void weight_gradient(const WeightGradientArgs& a) {
  if (a.rows == 0) return;
  const Floats dy = widened(a.dy, a.rows, a.outputs, a.dy_stride);
  const Floats x = widened(a.x, a.rows * a.inputs);
  Floats scratch(weight_gradient_scratch(a.rows, a.outputs, a.inputs));
  if (!a.accumulate) std::fill_n(a.dw, size_t{a.outputs} * a.inputs, 0.0f);
  cpu_ops().weight_gradient({dy.data(), a.outputs, x.data(), a.inputs, a.rows, a.outputs, a.inputs,
                             a.dw, nullptr, scratch.data()});
}

}  // namespace thespis::gpu::emulation
