// Training on a device: the walk of a plan, the head part by part, the reverse walk.

#include <algorithm>

#include "model/device/device_executor.hpp"

namespace thespis::model {

using gpu::Bf16;

void DeviceExecutor::add_weight_gradient(const OpRecord& op, const Block& block, const Bf16* dy,
                                         size_t dy_stride, const Bf16* x) {
  const MatrixSpec& m = plan_.matrices()[op.matrix];
  // The head's comes block by block.
  const bool accumulate = parameters_->adds() || block.first > 0;
  stream_.weight_gradient({dy, dy_stride, x, block.count, m.outputs, m.inputs, accumulate,
                           parameters_->gradient(m.offset)});
}

void DeviceExecutor::add_input_gradient(const OpRecord& op, const Block& block, const Bf16* dy,
                                        size_t dy_stride, Bf16* dx) {
  const MatrixSpec& m = plan_.matrices()[op.matrix];
  stream_.linear_input_gradient({dy, dy_stride, block.count, parameters_->weight(m.offset),
                                 m.outputs, m.inputs, op.accumulate, dx});
}

void DeviceExecutor::log_prob_backward(const OpRecord& op, const Block& block, const Bf16* x,
                                       Bf16* dx) {
  stream_.log_prob_backward(
      {logits_.data(), block.count, logits_stride(), plan_.matrices()[op.matrix].outputs,
       batch_->inverse_temperatures + block.first, batch_->targets + block.first,
       batch_->lse + block.first, dlogprobs_ + block.first});
  const auto* dlogits = reinterpret_cast<const Bf16*>(logits_.data());
  const size_t stride = 2 * size_t{logits_stride()};
  add_weight_gradient(op, block, dlogits, stride, x);
  add_input_gradient(op, block, dlogits, stride, dx);
}

void DeviceExecutor::recompute(const Segment& segment, const Block& block) {
  for (uint32_t i = 0; i < segment.op_count; ++i) {
    const OpRecord& op = plan_.ops()[segment.first_op + i];
    if (op.output != kNone && memory().recomputed[op.output].offset != kNone)
      run_forward(op, block, memory().recomputed);
  }
}

void DeviceExecutor::run_backward(const Segment& segment, const Block& block) {
  for (uint32_t i = segment.op_count; i-- > 0;)
    run_backward(plan_.ops()[segment.first_op + i], block);
}

void DeviceExecutor::train_head(const Segment& segment, const Loss& loss) {
  const OpRecord& gather = plan_.ops()[segment.first_op];
  const OpRecord& head = plan_.ops().back();
  // Rows that predict nothing have gradient 0.
  stream_.zero(at(memory().gradients[gather.input], gather.input, {0, 0}),
               uint64_t{batch_->rows} * plan_.width(gather.input) * sizeof(Bf16));
  for_blocks(segment, [&](const Block& block) {
    recompute(segment, block);
    logits(head, block, kept(head.input, block));
    log_prob(head, block);
    loss(block);
    run_backward(segment, block);
  });
}

void DeviceExecutor::train(DeviceParameters& parameters, const DeviceBatch& batch, const Loss& loss,
                           const float* dlogprobs, const gpu::on_device::ScatterAddArgs& tokens) {
  using Way = DeviceParameters::Way;
  begin(parameters, batch, {});
  dlogprobs_ = dlogprobs;
  tokens_ = &tokens;
  const auto& segments = plan_.segments();
  const auto last = static_cast<uint32_t>(segments.size() - 1);
  const auto walk = [&](uint32_t s, Way way, const auto& work) {
    parameters.enter(s, way);
    work(segments[s]);
    parameters.leave(s, way);
  };
  for (uint32_t s = 0; s < last; ++s)
    walk(s, Way::kForward, [&](const Segment& segment) { run_segment(segment); });
  walk(last, Way::kBackward, [&](const Segment& segment) { train_head(segment, loss); });
  for (uint32_t s = last; s-- > 0;)
    walk(s, Way::kBackward, [&](const Segment& segment) {
      if (!segment.row_local) --layer_;
      const Block all{0, batch.rows};
      recompute(segment, all);
      run_backward(segment, all);
    });
}

void DeviceExecutor::run_backward(const OpRecord& op, const Block& block) {
  const MemoryPlan& m = memory();
  const Bf16* x = op.input == kNone ? nullptr : kept(op.input, block);
  Bf16* dx = op.input == kNone ? nullptr : at(m.gradients[op.input], op.input, block);
  Bf16* dy = op.output == kNone ? nullptr : at(m.gradients[op.output], op.output, block);
  const uint32_t width = op.output == kNone ? 0 : plan_.width(op.output);
  switch (op.kind) {
    case OpKind::kEmbed: {
      gpu::on_device::ScatterAddArgs a = *tokens_;
      a.in = dy;
      a.width = width;
      a.table = parameters_->gradient(op.weight);
      return stream_.scatter_add_rows(a);
    }
    case OpKind::kGather: {
      Bf16* all = at(m.gradients[op.input], op.input, {0, 0});
      return stream_.scatter_rows(dy, batch_->head_rows + block.first, block.count, width, all);
    }
    case OpKind::kNorm:
      return stream_.rms_norm_backward({norm_args(op, block, x, nullptr), dy, dx, op.accumulate,
                                        parameters_->gradient(op.weight), columns_.data()});
    case OpKind::kHeadNorm:
    case OpKind::kRope: {
      if (!finishes_qkv(index_of(op))) return;
      const bool norms = op.kind == OpKind::kHeadNorm;
      const uint64_t bias = plan_.matrices()[(&op - 1)->matrix].bias;
      stream_.finish_qkv_backward({finish_args(index_of(op), block), dy,
                                   bias == kNoOffset ? nullptr : parameters_->gradient(bias),
                                   norms ? parameters_->gradient(op.weight) : nullptr,
                                   norms ? parameters_->gradient(op.weight2) : nullptr,
                                   columns_.data()});
      if (norms) stream_.copy(dx, dy, uint64_t{block.count} * width * sizeof(Bf16));
      return;
    }
    case OpKind::kLinear:
      if (!op.after_gate) add_weight_gradient(op, block, dy, width, x);
      return add_input_gradient(op, block, dy, width, dx);
    case OpKind::kAttend:
      return stream_.attend_backward(
          {plan_.attend_shape(), x, batch_->runs, batch_->run_count, batch_->rows_max, batch_->rows,
           at(m.values[op.output], op.output, block), lse(block), dy, dx, delta_.data()});
    case OpKind::kSwiGlu: {
      stream_.swiglu_backward(dx, dy, block.count, width);
      const OpRecord& next = *(&op + 1);
      const Bf16* dnext = at(m.gradients[next.output], next.output, block);
      return add_weight_gradient(next, block, dnext, plan_.width(next.output), dy);
    }
    case OpKind::kLogProb:
      return log_prob_backward(op, block, x, dx);
  }
}

}  // namespace thespis::model
