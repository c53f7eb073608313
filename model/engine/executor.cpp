#include "model/engine/executor.hpp"

#include <algorithm>
#include <cstring>

#include "runtime/base/assert.hpp"

namespace thespis::model {
namespace {

// A block's arrays stay in the cache; smaller blocks would read all of dW more often.
constexpr uint32_t kBlockRows = 288;

void grow(FloatArena& arena, uint64_t size) {
  if (arena.size() < size) arena = FloatArena(size);
}

}  // namespace

/// Rows [first, first + count) of the walk: tokens, or head rows after kGather.
struct Executor::Block {
  uint32_t first;
  uint32_t count;
};

Executor::Executor(std::shared_ptr<const Plan> plan, Purpose purpose, uint32_t recomputed_layers)
    : shared_plan_(std::move(plan)),
      plan_(*shared_plan_),
      purpose_(purpose),
      memory_(purpose == Purpose::kTraining ? plan_.training_memory(recomputed_layers)
                                            : plan_.forward_memory()) {}

void Executor::reserve(const Batch& batch) {
  const uint32_t rows = batch.rows();
  if (rows > capacity_) {
    capacity_ = rows;
    whole_ = FloatArena(uint64_t{capacity_} * memory().whole_width);
  }
  grow(block_, uint64_t{kBlockRows} * memory().block_width);
  const MatrixSpec& head = plan_.matrices().back();
  const uint32_t stride = gpu::round_up(head.outputs, ops_.panel_width);
  grow(logits_, uint64_t{kBlockRows} * stride);
  uint64_t scratch = gpu::attend_scratch(plan_.attend_shape(), batch.keys_max());
  if (purpose_ == Purpose::kTraining)
    for (const MatrixSpec& m : plan_.matrices())
      scratch = std::max(scratch, gpu::weight_gradient_scratch(kBlockRows, m.outputs, m.inputs));
  grow(scratch_, scratch);
}

float* Executor::at(const Slot& slot, ValueId v, const Block& block) {
  if (slot.local) return block_.data() + uint64_t{slot.offset} * kBlockRows;
  return whole_.data() + uint64_t{slot.offset} * capacity_ + uint64_t{block.first} * plan_.width(v);
}

template <class F>
void Executor::for_blocks(const Segment& segment, const F& f) const {
  const uint32_t rows =
      segment.head_rows ? static_cast<uint32_t>(batch_->head_rows.size()) : batch_->rows();
  if (!segment.row_local) return f(Block{0, rows});
  for (uint32_t first = 0; first < rows; first += kBlockRows)
    f(Block{first, std::min(kBlockRows, rows - first)});
}

void Executor::start(Batch& batch, const KvView& kv) {
  batch_ = &batch;
  kv_ = kv;
  layer_ = 0;
  reserve(batch);
  batch.logprobs.resize(batch.head_rows.size());
  batch.entropies.resize(batch.targets.size());
  batch.drawn.resize(batch.uniforms.size());
  batch.log_kept.resize(batch.uniforms.size());
}

void Executor::start(WholeSequences& sequences) {
  grow(layer_pages_, sequences.page_count() * plan_.attend_shape().page_floats());
  start(sequences.batch(), {layer_pages_.data(), 0});
}

void Executor::forward_segment(const Parameters& parameters, uint32_t index) {
  parameters_ = &parameters;
  const Segment& segment = plan_.segments()[index];
  for_blocks(segment, [&](const Block& block) {
    for (uint32_t i = 0; i < segment.op_count; ++i)
      run_forward(plan_.ops()[segment.first_op + i], block, memory().values);
  });
  if (!segment.row_local) ++layer_;
}

void Executor::backward_segment(const Parameters& parameters, uint32_t index,
                                std::span<const float> dlogprobs, const ArenaMap& gradients) {
  parameters_ = &parameters;
  dlogprobs_ = dlogprobs;
  const Segment& segment = plan_.segments()[index];
  const auto op_at = [&](uint32_t i) -> const OpRecord& {
    return plan_.ops()[segment.first_op + i];
  };
  if (op_at(0).kind == OpKind::kGather)  // Rows that predict nothing have gradient 0.
    std::memset(at(memory().gradients[op_at(0).input], op_at(0).input, {0, 0}), 0,
                uint64_t{batch_->rows()} * plan_.width(op_at(0).input) * sizeof(float));
  for_blocks(segment, [&](const Block& block) {
    for (uint32_t i = 0; i < segment.op_count; ++i) {
      const OpRecord& op = op_at(i);
      if (op.output != kNone && memory().recomputed[op.output].offset != kNone)
        run_forward(op, block, memory().recomputed);
    }
    for (uint32_t i = segment.op_count; i-- > 0;) run_backward(op_at(i), block, gradients);
  });
}

void Executor::forward(const Policy& policy, Batch& batch, const KvView& kv) {
  start(batch, kv);
  const PolicyParameters parameters(policy);
  for (uint32_t s = 0; s < plan_.segments().size(); ++s) forward_segment(parameters, s);
}

void Executor::forward(const Policy& policy, WholeSequences& sequences) {
  start(sequences);
  const PolicyParameters parameters(policy);
  for (uint32_t s = 0; s < plan_.segments().size(); ++s) forward_segment(parameters, s);
}

void Executor::backward(const Policy& policy, std::span<const float> dlogprobs, float* gradients) {
  const PolicyParameters parameters(policy);
  const ArenaMap whole(gradients);
  for (auto s = static_cast<uint32_t>(plan_.segments().size()); s-- > 0;)
    backward_segment(parameters, s, dlogprobs, whole);
}

gpu::AttendArgs Executor::attend_args(const OpRecord& op, const Block& block) {
  const auto& values = memory().values;
  return {.shape = plan_.attend_shape(),
          .qkv = at(values[op.input], op.input, block),
          .sequences = batch_->sequences.data(),
          .sequence_count = batch_->sequences.size(),
          .kv = kv_.base + layer_ * kv_.layer_stride,
          .out = at(values[op.output], op.output, block),
          .lse = at(values[op.lse], op.lse, block),
          .scratch = scratch_.data()};
}

float* Executor::logits(const OpRecord& op, const Block& block, const float* x) {
  const MatrixSpec& m = plan_.matrices()[op.matrix];
  const uint32_t stride = gpu::round_up(m.outputs, ops_.panel_width);
  ops_.linear({.x = x,
               .rows = block.count,
               .x_stride = m.inputs,
               .panels = parameters_->forward_panels(op.matrix),
               .outputs = stride,
               .inputs = m.inputs,
               .bias = nullptr,
               .residual = nullptr,
               .y = logits_.data(),
               .y_stride = stride});
  return logits_.data();
}

void Executor::run_forward(const OpRecord& op, const Block& block,
                           const std::vector<Slot>& outputs) {
  // A recomputed input (the gather before the last norm) lies where it was recomputed.
  const auto input_slot = [&]() -> const Slot& {
    return outputs[op.input].offset != kNone ? outputs[op.input] : memory().values[op.input];
  };
  const float* x = op.input == kNone ? nullptr : at(input_slot(), op.input, block);
  float* y = op.output == kNone ? nullptr : at(outputs[op.output], op.output, block);
  const uint32_t width = op.output == kNone ? 0 : plan_.width(op.output);
  const gpu::AttendShape& shape = plan_.attend_shape();
  switch (op.kind) {
    case OpKind::kEmbed:
      return ops_.gather_rows(parameters_->weight(op.weight), batch_->tokens.data() + block.first,
                              block.count, width, y);
    case OpKind::kGather: {
      const float* all = at(memory().values[op.input], op.input, {0, 0});
      return ops_.gather_rows(all, batch_->head_rows.data() + block.first, block.count, width, y);
    }
    case OpKind::kNorm:
      return ops_.rms_norm({x, y, block.count, width, 1, width, parameters_->weight(op.weight),
                            plan_.config().rms_norm_eps});
    case OpKind::kHeadNorm: {
      const float eps = plan_.config().rms_norm_eps;
      ops_.rms_norm({x, y, block.count, width, shape.heads, shape.head_dim,
                     parameters_->weight(op.weight), eps});
      ops_.rms_norm({x + shape.q_size(), y + shape.q_size(), block.count, width, shape.kv_heads,
                     shape.head_dim, parameters_->weight(op.weight2), eps});
      const uint32_t v_at = (shape.heads + shape.kv_heads) * shape.head_dim;
      for (uint32_t r = 0; r < block.count; ++r)
        std::memcpy(y + size_t{r} * width + v_at, x + size_t{r} * width + v_at,
                    (width - v_at) * sizeof(float));
      return;
    }
    case OpKind::kLinear: {
      const MatrixSpec& m = plan_.matrices()[op.matrix];
      return ops_.linear({.x = x,
                          .rows = block.count,
                          .x_stride = m.inputs,
                          .panels = parameters_->forward_panels(op.matrix),
                          .outputs = m.outputs,
                          .inputs = m.inputs,
                          .bias = m.bias == kNoOffset ? nullptr : parameters_->weight(m.bias),
                          .residual = op.residual == kNone
                                          ? nullptr
                                          : at(memory().values[op.residual], op.residual, block),
                          .y = y,
                          .y_stride = m.outputs});
    }
    case OpKind::kRope:
      return ops_.rope({y, block.count, width, shape.heads + shape.kv_heads, shape.head_dim,
                        batch_->positions.data() + block.first, plan_.rope_table(), false});
    case OpKind::kAttend: {
      const gpu::AttendArgs args = attend_args(op, block);
      ops_.store_kv(args);
      return ops_.attend(args);
    }
    case OpKind::kSwiGlu:
      return ops_.swiglu(x, block.count, width, y);
    case OpKind::kLogProb: {
      float* z = logits(op, block, x);
      const MatrixSpec& m = plan_.matrices()[op.matrix];
      const uint32_t stride = gpu::round_up(m.outputs, ops_.panel_width);
      const float* scales = batch_->inverse_temperatures.data() + block.first;
      if (batch_->targets.empty())
        return ops_.sample(
            {z, block.count, stride, m.outputs, scales, batch_->uniforms.data() + block.first,
             batch_->drawn.data() + block.first, batch_->logprobs.data() + block.first,
             batch_->cuts.data() + block.first, batch_->log_kept.data() + block.first});
      return ops_.log_prob(
          {z, block.count, stride, m.outputs, scales, batch_->targets.data() + block.first,
           batch_->logprobs.data() + block.first, batch_->entropies.data() + block.first});
    }
  }
}

void Executor::run_backward(const OpRecord& op, const Block& block, const ArenaMap& gradients) {
  const MemoryPlan& m = memory();
  const float* x = op.input == kNone ? nullptr : at(m.kept(op.input), op.input, block);
  float* dx = op.input == kNone ? nullptr : at(m.gradients[op.input], op.input, block);
  float* dy = op.output == kNone ? nullptr : at(m.gradients[op.output], op.output, block);
  const uint32_t width = op.output == kNone ? 0 : plan_.width(op.output);
  const gpu::AttendShape& shape = plan_.attend_shape();

  const auto weight_gradient = [&](const OpRecord& linear, const float* dout, size_t stride,
                                   const float* in) {
    const MatrixSpec& matrix = plan_.matrices()[linear.matrix];
    ops_.weight_gradient({.dy = dout,
                          .dy_stride = stride,
                          .x = in,
                          .x_stride = matrix.inputs,
                          .rows = block.count,
                          .outputs = matrix.outputs,
                          .inputs = matrix.inputs,
                          .dw = gradients.at(matrix.offset),
                          .db = matrix.bias == kNoOffset ? nullptr : gradients.at(matrix.bias),
                          .scratch = scratch_.data()});
  };
  const auto input_gradient = [&](const float* dout, size_t stride) {
    const MatrixSpec& matrix = plan_.matrices()[op.matrix];
    ops_.linear({.x = dout,
                 .rows = block.count,
                 .x_stride = stride,
                 .panels = parameters_->backward_panels(op.matrix),
                 .outputs = matrix.inputs,
                 .inputs = matrix.outputs,
                 .bias = nullptr,
                 .residual = op.accumulate ? dx : nullptr,
                 .y = dx,
                 .y_stride = matrix.inputs});
  };
  const auto norm_backward = [&](uint32_t at_float, uint32_t groups, uint32_t piece,
                                 uint64_t weight) {
    ops_.rms_norm_backward({.forward = {x + at_float, nullptr, block.count, width, groups, piece,
                                        parameters_->weight(weight), plan_.config().rms_norm_eps},
                            .dy = dy + at_float,
                            .dx = dx + at_float,
                            .accumulate = op.accumulate,
                            .dweight = gradients.at(weight)});
  };
  switch (op.kind) {
    case OpKind::kEmbed:
      return ops_.scatter_add_rows(dy, batch_->tokens.data() + block.first, block.count, width,
                                   gradients.at(op.weight));
    case OpKind::kGather: {
      float* all = at(m.gradients[op.input], op.input, {0, 0});
      return ops_.scatter_add_rows(dy, batch_->head_rows.data() + block.first, block.count, width,
                                   all);
    }
    case OpKind::kNorm:
      return norm_backward(0, 1, width, op.weight);
    case OpKind::kHeadNorm: {
      norm_backward(0, shape.heads, shape.head_dim, op.weight);
      norm_backward(shape.q_size(), shape.kv_heads, shape.head_dim, op.weight2);
      const uint32_t v_at = (shape.heads + shape.kv_heads) * shape.head_dim;
      for (uint32_t r = 0; r < block.count; ++r)
        std::memcpy(dx + size_t{r} * width + v_at, dy + size_t{r} * width + v_at,
                    (width - v_at) * sizeof(float));
      return;
    }
    case OpKind::kLinear:
      if (!op.after_gate) weight_gradient(op, dy, width, x);
      return input_gradient(dy, width);
    case OpKind::kRope:
      return ops_.rope({dy, block.count, width, shape.heads + shape.kv_heads, shape.head_dim,
                        batch_->positions.data() + block.first, plan_.rope_table(), true});
    case OpKind::kAttend:
      return ops_.attend_backward({.shape = shape,
                                   .qkv = x,
                                   .sequences = batch_->sequences.data(),
                                   .sequence_count = batch_->sequences.size(),
                                   .out = at(m.values[op.output], op.output, block),
                                   .lse = at(m.values[op.lse], op.lse, block),
                                   .dout = dy,
                                   .dqkv = dx,
                                   .scratch = scratch_.data()});
    case OpKind::kSwiGlu: {
      ops_.swiglu_backward(dx, dy, block.count, width);
      const OpRecord& next = *(&op + 1);
      const float* dnext = at(m.gradients[next.output], next.output, block);
      return weight_gradient(next, dnext, plan_.width(next.output), dy);
    }
    case OpKind::kLogProb: {
      const MatrixSpec& matrix = plan_.matrices()[op.matrix];
      const uint32_t stride = gpu::round_up(matrix.outputs, ops_.panel_width);
      float* z = logits(op, block, x);
      ops_.log_prob_backward({z, block.count, stride, matrix.outputs,
                              batch_->inverse_temperatures.data() + block.first,
                              batch_->targets.data() + block.first,
                              dlogprobs_.data() + block.first});
      weight_gradient(op, z, stride, x);
      return input_gradient(z, stride);
    }
  }
}

}  // namespace thespis::model
