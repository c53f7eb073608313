// The operations of a stream, as steps, and what memory each uses. What is known on the card alone
// (rows of a table, pages, tiles) is left out, or looked at when the step runs.

#include <optional>

#include "gpu/device_sizes.hpp"
#include "gpu/emulation/kernels.hpp"
#include "gpu/emulation/stream.hpp"

namespace thespis::gpu::emulation {
namespace {

Uses of(const NormArgs& a) {
  return Uses().in(a.x, a.rows * a.width).in(a.weight, a.width);
}

Uses of(const FinishQkvArgs& a) {
  return Uses()
      .in(a.in, a.rows * a.shape.qkv_size())
      .in(a.bias, a.shape.qkv_size())
      .in(a.q_norm, a.shape.head_dim)
      .in(a.k_norm, a.shape.head_dim)
      .in(a.positions, a.rows)
      .in(a.pages.base == nullptr ? nullptr : a.table_rows, a.rows);
}

}  // namespace

void Stream::to_bf16(const float* in, size_t size, Bf16* out) {
  add("to_bf16", Uses().in(in, size).out(out, size),
      [in, size, out] { emulation::to_bf16(in, size, out); });
}
void Stream::split_floats(const float* in, size_t size, Bf16* high, uint16_t* low) {
  add("split_floats", Uses().in(in, size).out(high, size).out(low, size),
      [in, size, high, low] { emulation::split_floats(in, size, high, low); });
}
void Stream::join_floats(const Bf16* high, const uint16_t* low, size_t size, float* out) {
  add("join_floats", Uses().in(high, size).in(low, size).out(out, size),
      [high, low, size, out] { emulation::join_floats(high, low, size, out); });
}
void Stream::gather_rows(const Bf16* table, const int32_t* indices, size_t rows, uint32_t width,
                         Bf16* out) {
  if (rows == 0) return;
  add("gather_rows", Uses().in(table, width).in(indices, rows).out(out, rows * width),
      [table, indices, rows, width, out] {
        emulation::gather_rows(table, indices, rows, width, out);
      });
}
void Stream::scatter_rows(const Bf16* in, const int32_t* indices, size_t rows, uint32_t width,
                          Bf16* out) {
  if (rows == 0) return;
  add("scatter_rows", Uses().in(in, rows * width).in(indices, rows).out(out, width),
      [in, indices, rows, width, out] { emulation::scatter_rows(in, indices, rows, width, out); });
}
void Stream::scatter_add_rows(const on_device::ScatterAddArgs& a) {
  if (a.count == 0) return;
  add("scatter_add_rows",
      Uses()
          .in(a.indices, a.count)
          .in(a.starts, a.count + 1)
          .in(a.in, a.width)
          .out(a.table, a.width),
      [a] { emulation::scatter_add_rows(a); });
}
void Stream::linear(const on_device::LinearArgs& a) {
  if (a.rows == 0) return;
  Uses uses = Uses().in(a.x, a.rows * a.inputs).in(a.weight, size_t{a.outputs} * a.inputs);
  if (a.y_float != nullptr)
    uses.out(a.y_float, a.rows, a.outputs, a.y_stride);
  else
    uses.in(a.residual, a.rows, a.outputs, a.y_stride).out(a.y, a.rows, a.outputs, a.y_stride);
  add("linear", uses, [a] { emulation::linear(a); });
}
void Stream::gated_linear(const on_device::GatedLinearArgs& a) {
  const size_t size = a.rows * a.outputs;
  add("gated_linear",
      Uses()
          .in(a.x, a.rows * a.inputs)
          .in(a.weight, size_t{2} * a.outputs * a.inputs)
          .out(a.gate_up, 2 * size)
          .out(a.y, size),
      [a] { emulation::gated_linear(a); });
}
void Stream::linear_input_gradient(const on_device::LinearInputGradientArgs& a) {
  add("linear_input_gradient",
      Uses()
          .in(a.dy, a.rows, a.outputs, a.dy_stride)
          .in(a.weight, size_t{a.outputs} * a.inputs)
          .out(a.dx, a.rows * a.inputs),
      [a] { emulation::input_gradient(a); });
}
void Stream::weight_gradient(const on_device::WeightGradientArgs& a) {
  add("weight_gradient",
      Uses()
          .in(a.dy, a.rows, a.outputs, a.dy_stride)
          .in(a.x, a.rows * a.inputs)
          .out(a.dw, size_t{a.outputs} * a.inputs),
      [a] { emulation::weight_gradient(a); });
}
void Stream::rms_norm(const on_device::NormArgs& a) {
  add("rms_norm", of(a).out(a.y, a.rows * a.width), [a] { emulation::rms_norm(a); });
}
void Stream::rms_norm_backward(const on_device::NormBackwardArgs& a) {
  const size_t size = a.forward.rows * a.forward.width;
  add("rms_norm_backward",
      of(a.forward)
          .in(a.dy, size)
          .out(a.dx, size)
          .out(a.dweight, a.forward.width)
          .out(a.scratch, on_device::column_scratch(a.forward.width)),
      [a] { emulation::rms_norm_backward(a); });
}
void Stream::finish_qkv(const on_device::FinishQkvArgs& a) {
  require_finishable(a);
  add("finish_qkv", of(a).out(a.out, a.rows * a.shape.qkv_size()),
      [a] { emulation::finish_qkv(a); });
}
void Stream::finish_qkv_backward(const on_device::FinishQkvBackwardArgs& a) {
  const AttendShape& s = a.forward.shape;
  require_finishable(a.forward);
  add("finish_qkv_backward",
      of(a.forward)
          .out(a.dqkv, a.forward.rows * s.qkv_size())
          .out(a.dbias, s.qkv_size())
          .out(a.dq_norm, s.head_dim)
          .out(a.dk_norm, s.head_dim)
          .out(a.scratch, on_device::column_scratch(s.qkv_size())),
      [a] { emulation::finish_qkv_backward(a); });
}
void Stream::attend(const on_device::AttendArgs& a) {
  require_attendable(a);
  Uses uses = Uses().in(a.runs, a.run_count).out(a.out, a.shape.q_size());
  if (on_device::attend_finishes(a.shape, a.rows_max, a.pages.base != nullptr))
    uses.add(a.scratch, attend_scratch_bytes(a.shape, a.run_count, a.keys_max), true);
  if (a.unfinished == nullptr)
    return add("attend", uses.in(a.qkv, a.shape.qkv_size()).out(a.lse, a.shape.heads),
               [a] { emulation::attend(a); });
  add("attend", uses.in(a.unfinished->in, a.unfinished->rows * a.shape.qkv_size()),
      [a, unfinished = *a.unfinished] {
        auto with = a;
        with.unfinished = &unfinished;
        emulation::attend(with);
      });
}
void Stream::attend_backward(const on_device::AttendBackwardArgs& a) {
  const size_t heads = a.rows * a.shape.heads;
  add("attend_backward",
      Uses()
          .in(a.qkv, a.rows * a.shape.qkv_size())
          .in(a.runs, a.run_count)
          .in(a.out, a.rows * a.shape.q_size())
          .in(a.lse, heads)
          .in(a.dout, a.rows * a.shape.q_size())
          .out(a.dqkv, a.rows * a.shape.qkv_size())
          .out(a.delta, heads),
      [a] { emulation::attend_backward(a); });
}
void Stream::swiglu(const Bf16* gate_up, size_t rows, uint32_t width, Bf16* y) {
  add("swiglu", Uses().in(gate_up, rows * 2 * width).out(y, rows * width),
      [gate_up, rows, width, y] { emulation::swiglu(gate_up, rows, width, y); });
}
void Stream::swiglu_backward(Bf16* gate_up, Bf16* dy, size_t rows, uint32_t width) {
  add("swiglu_backward", Uses().out(gate_up, rows * 2 * width).out(dy, rows * width),
      [gate_up, dy, rows, width] { emulation::swiglu_backward(gate_up, dy, rows, width); });
}
void Stream::log_prob(const on_device::LogProbArgs& a) {
  add("log_prob",
      Uses()
          .in(a.logits, a.rows * a.stride)
          .in(a.inverse_temperatures, a.rows)
          .in(a.targets, a.rows)
          .out(a.logprobs, a.rows)
          .out(a.entropies, a.rows)
          .out(a.lse, a.rows),
      [a] { emulation::log_prob(a); });
}
void Stream::log_prob_backward(const on_device::LogProbBackwardArgs& a) {
  add("log_prob_backward",
      Uses()
          .out(a.logits, a.rows * a.stride)
          .in(a.inverse_temperatures, a.rows)
          .in(a.targets, a.rows)
          .in(a.lse, a.rows)
          .in(a.dlogprobs, a.rows),
      [a] { emulation::log_prob_backward(a); });
}
void Stream::sample(const on_device::SampleArgs& a) {
  add("sample",
      Uses()
          .in(a.logits, a.rows * a.stride)
          .in(a.slots, a.rows)
          .out(a.tokens, a.rows)
          .out(a.logprobs, a.rows)
          .out(a.log_kept, a.rows),
      [a] { emulation::sample(a); });
}
void Stream::next_rows(const on_device::NextRowsArgs& a) {
  add("next_rows",
      Uses().in(a.slots, a.rows).out(a.tokens, a.rows).out(a.positions, a.rows).out(a.runs, a.rows),
      [a] { emulation::next_rows(a); });
}
void Stream::squares(const on_device::SquaresArgs& a) {
  add({.work = [a] { emulation::squares(a); },
       .what = "squares",
       .uses = Uses().in(a.tiles, a.tile_count).out(a.squares, a.tile_count).list,
       .finds =
           [a] {
             Uses uses;
             for (uint32_t t = 0; t < a.tile_count; ++t)
               uses.in(a.x + a.tiles[t].offset, a.tiles[t].size);
             return uses.list;
           }});
}
void Stream::sum_lanes(const on_device::SumLanesArgs& a) {
  Uses uses;
  for (uint32_t l = 0; l < a.count; ++l) uses.in(a.lanes[l], a.size);
  add("sum_lanes", uses.out(a.sums, a.size), [a] { emulation::sum_lanes(a); });
}
void Stream::adamw(const on_device::AdamWArgs& a) {
  add({.work = [a] { emulation::adamw(a); },
       .what = "adamw",
       .uses = Uses().in(a.tiles, a.tile_count).list,
       .finds =
           [a] {
             Uses uses;
             for (uint32_t t = 0; t < a.tile_count; ++t) {
               const auto& [at, size, decays] = a.tiles[t];
               uses.in(a.gradient + at, size).in(a.weight_in + at, size);
               uses.out(a.weight_low + at, size).out(a.weight_out + at, size);
               uses.out(a.m + at, size).out(a.v + at, size);
             }
             return uses.list;
           }});
}

}  // namespace thespis::gpu::emulation
