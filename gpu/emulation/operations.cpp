// The operations of a stream, as steps.

#include <optional>

#include "gpu/emulation/kernels.hpp"
#include "gpu/emulation/stream.hpp"

namespace thespis::gpu::emulation {

void Stream::to_bf16(const float* in, size_t size, Bf16* out) {
  add([in, size, out] { emulation::to_bf16(in, size, out); });
}
void Stream::split_floats(const float* in, size_t size, Bf16* high, uint16_t* low) {
  add([in, size, high, low] { emulation::split_floats(in, size, high, low); });
}
void Stream::join_floats(const Bf16* high, const uint16_t* low, size_t size, float* out) {
  add([high, low, size, out] { emulation::join_floats(high, low, size, out); });
}
void Stream::gather_rows(const Bf16* table, const int32_t* indices, size_t rows, uint32_t width,
                         Bf16* out) {
  add([table, indices, rows, width, out] {
    emulation::gather_rows(table, indices, rows, width, out);
  });
}
void Stream::scatter_rows(const Bf16* in, const int32_t* indices, size_t rows, uint32_t width,
                          Bf16* out) {
  add([in, indices, rows, width, out] { emulation::scatter_rows(in, indices, rows, width, out); });
}
void Stream::scatter_add_rows(const on_device::ScatterAddArgs& a) {
  add([a] { emulation::scatter_add_rows(a); });
}
void Stream::linear(const on_device::LinearArgs& a) {
  add([a] { emulation::linear(a); });
}
void Stream::gated_linear(const on_device::GatedLinearArgs& a) {
  add([a] { emulation::gated_linear(a); });
}
void Stream::linear_input_gradient(const on_device::LinearInputGradientArgs& a) {
  add([a] { emulation::input_gradient(a); });
}
void Stream::weight_gradient(const on_device::WeightGradientArgs& a) {
  add([a] { emulation::weight_gradient(a); });
}
void Stream::rms_norm(const on_device::NormArgs& a) {
  add([a] { emulation::rms_norm(a); });
}
void Stream::rms_norm_backward(const on_device::NormBackwardArgs& a) {
  add([a] { emulation::rms_norm_backward(a); });
}
void Stream::finish_qkv(const on_device::FinishQkvArgs& a) {
  require_finishable(a);
  add([a] { emulation::finish_qkv(a); });
}
void Stream::finish_qkv_backward(const on_device::FinishQkvBackwardArgs& a) {
  require_finishable(a.forward);
  add([a] { emulation::finish_qkv_backward(a); });
}
void Stream::attend(const on_device::AttendArgs& a) {
  require_attendable(a);
  if (a.unfinished == nullptr) return add([a] { emulation::attend(a); });
  add([a, unfinished = *a.unfinished] {
    auto with = a;
    with.unfinished = &unfinished;
    emulation::attend(with);
  });
}
void Stream::attend_backward(const on_device::AttendBackwardArgs& a) {
  add([a] { emulation::attend_backward(a); });
}
void Stream::swiglu(const Bf16* gate_up, size_t rows, uint32_t width, Bf16* y) {
  add([gate_up, rows, width, y] { emulation::swiglu(gate_up, rows, width, y); });
}
void Stream::swiglu_backward(const Bf16* gate_up, Bf16* dy, size_t rows, uint32_t width,
                             Bf16* dgate_up) {
  add([gate_up, dy, rows, width, dgate_up] {
    emulation::swiglu_backward(gate_up, dy, rows, width, dgate_up);
  });
}
void Stream::log_prob(const on_device::LogProbArgs& a) {
  add([a] { emulation::log_prob(a); });
}
void Stream::log_prob_backward(const on_device::LogProbBackwardArgs& a) {
  add([a] { emulation::log_prob_backward(a); });
}
void Stream::sample(const on_device::SampleArgs& a) {
  add([a] { emulation::sample(a); });
}
void Stream::next_rows(const on_device::NextRowsArgs& a) {
  add([a] { emulation::next_rows(a); });
}
void Stream::squares(const on_device::SquaresArgs& a) {
  add([a] { emulation::squares(a); });
}
void Stream::sum_lanes(const on_device::SumLanesArgs& a) {
  add([a] { emulation::sum_lanes(a); });
}
void Stream::adamw(const on_device::AdamWArgs& a) {
  add([a] { emulation::adamw(a); });
}

}  // namespace thespis::gpu::emulation
