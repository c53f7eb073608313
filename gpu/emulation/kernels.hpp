#pragma once
// What each operation computes, with the shapes and layouts of gpu/device_ops.hpp: bf16 becomes
// float, the CPU's operations do the sums, results are rounded once. Scratch is left full of NaN.

#include "gpu/device.hpp"

namespace thespis::gpu::emulation {

// One by one: the CPU's have the same names.
using on_device::AdamWArgs;
using on_device::AttendArgs;
using on_device::AttendBackwardArgs;
using on_device::Draw;
using on_device::FinishQkvArgs;
using on_device::FinishQkvBackwardArgs;
using on_device::GatedLinearArgs;
using on_device::LinearArgs;
using on_device::LinearInputGradientArgs;
using on_device::LogProbArgs;
using on_device::LogProbBackwardArgs;
using on_device::NextRowsArgs;
using on_device::NormArgs;
using on_device::NormBackwardArgs;
using on_device::ParameterTile;
using on_device::SampleArgs;
using on_device::ScatterAddArgs;
using on_device::SquaresArgs;
using on_device::SumLanesArgs;
using on_device::WeightGradientArgs;

void to_bf16(const float* in, size_t size, Bf16* out);
void split_floats(const float* in, size_t size, Bf16* high, uint16_t* low);
void join_floats(const Bf16* high, const uint16_t* low, size_t size, float* out);
void gather_rows(const Bf16* table, const int32_t* indices, size_t rows, uint32_t width, Bf16* out);
void scatter_rows(const Bf16* in, const int32_t* indices, size_t rows, uint32_t width, Bf16* out);
void scatter_add_rows(const ScatterAddArgs&);
void next_rows(const NextRowsArgs&);
void swiglu(const Bf16* gate_up, size_t rows, uint32_t width, Bf16* y);
void swiglu_backward(Bf16* gate_up, Bf16* dy, size_t rows, uint32_t width);
void linear(const LinearArgs&);
void gated_linear(const GatedLinearArgs&);
void input_gradient(const LinearInputGradientArgs&);
void weight_gradient(const WeightGradientArgs&);
void rms_norm(const NormArgs&);
void rms_norm_backward(const NormBackwardArgs&);
void finish_qkv(const FinishQkvArgs&);
void finish_qkv_backward(const FinishQkvBackwardArgs&);
void attend(const AttendArgs&);
void attend_backward(const AttendBackwardArgs&);
void log_prob(const LogProbArgs&);
void log_prob_backward(const LogProbBackwardArgs&);
void sample(const SampleArgs&);
void squares(const SquaresArgs&);
void sum_lanes(const SumLanesArgs&);
void adamw(const AdamWArgs&);

/// Error where a card does not have the shape.
void require_finishable(const FinishQkvArgs&);
void require_attendable(const AttendArgs&);

/// Rows [first, first + count) of a.in, finished: to `out` as floats that bf16 holds, and, with
/// pages, the keys and values into them. Position and table row by row from `first` on.
void finish_rows(const FinishQkvArgs& a, size_t first, size_t count, const uint32_t* positions,
                 const uint32_t* table_rows, float* out);

}  // namespace thespis::gpu::emulation
