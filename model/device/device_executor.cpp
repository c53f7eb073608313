#include "model/device/device_executor.hpp"

#include <algorithm>
#include <string>

#include "runtime/base/error.hpp"

namespace thespis::model {
namespace {

using gpu::Bf16;

MemoryPlan planned(const Plan& plan, DeviceExecutor::Purpose purpose, uint32_t recomputed_layers) {
  return purpose == DeviceExecutor::Purpose::kTraining ? plan.training_memory(recomputed_layers)
                                                       : plan.forward_memory();
}

}  // namespace

DeviceExecutor::DeviceExecutor(std::shared_ptr<DeviceModel> model, Purpose purpose,
                               gpu::DeviceStream& stream, const BatchLimits& limits,
                               uint32_t recomputed_layers)
    : model_(std::move(model)),
      plan_(model_->plan()),
      purpose_(purpose),
      stream_(stream),
      memory_(planned(plan_, purpose, recomputed_layers)),
      limits_(limits),
      sizes_(ExecutorMemory::of(plan_, memory_, purpose == Purpose::kTraining, limits)) {
  const auto& device = model_->device();
  whole_ = {device, sizes_.whole, "activations"};
  block_ = {device, sizes_.block, "activations of a segment"};
  lse_ = {device, sizes_.lse, "sums of attention"};
  delta_ = {device, sizes_.delta, "the backward of attention"};
  logits_ = {device, sizes_.logits, "logits"};
  columns_ = {device, sizes_.columns, "sums over columns"};
  attend_scratch_ = {device, sizes_.scratch, "pieces of attention"};
  stream_.zero(attend_scratch_.data(), attend_scratch_.bytes());
}

Bf16* DeviceExecutor::at(const Slot& slot, ValueId v, const Block& block) const {
  if (slot.local) return block_.data() + uint64_t{slot.offset} * limits_.rows;
  return whole_.data() + uint64_t{slot.offset} * limits_.rows +
         uint64_t{block.first} * plan_.width(v);
}

const Bf16* DeviceExecutor::kept(ValueId v, const Block& block) const {
  return at(memory().kept(v), v, block);
}

float* DeviceExecutor::lse(const Block& block) const {
  const uint32_t heads = plan_.attend_shape().heads;
  if (purpose_ != Purpose::kTraining) return nullptr;
  return lse_.data() + (uint64_t{layer_} * limits_.rows + block.first) * heads;
}

void DeviceExecutor::begin(DeviceParameters& parameters, const DeviceBatch& batch,
                           const DeviceKv& kv) {
  if (batch.rows > limits_.rows || batch.head_count > limits_.head_rows)
    throw Error("device: a batch of " + std::to_string(batch.rows) + " rows, " +
                std::to_string(batch.head_count) + " of them scored, where memory is planned for " +
                std::to_string(limits_.rows) + " and " + std::to_string(limits_.head_rows));
  parameters_ = &parameters;
  batch_ = &batch;
  kv_ = kv;
  layer_ = 0;
}

void DeviceExecutor::run_segment(const Segment& segment) {
  for_blocks(segment, [&](const Block& block) {
    for (uint32_t i = 0; i < segment.op_count; ++i)
      run_forward(plan_.ops()[segment.first_op + i], block, memory().values);
  });
  if (!segment.row_local) ++layer_;
}

void DeviceExecutor::forward(const DeviceWeights& weights, const DeviceBatch& batch,
                             const DeviceKv& kv) {
  WholeParameters whole(weights);
  begin(whole, batch, kv);
  for (const Segment& segment : plan_.segments()) run_segment(segment);
}

/// True for the operation that does what stands between the product of q, k, v and attention.
bool DeviceExecutor::finishes_qkv(size_t index) const {
  const auto& ops = plan_.ops();
  if (ops[index].kind == OpKind::kHeadNorm) return true;
  return ops[index].kind == OpKind::kRope && ops[index - 1].kind != OpKind::kHeadNorm;
}

/// True where attention does that too.
bool DeviceExecutor::attend_finishes() const {
  return gpu::on_device::attend_finishes(plan_.attend_shape(), batch_->rows_max,
                                         kv_.pages.base != nullptr);
}

/// True for the product whose gate the walk takes at once: it keeps nothing.
bool DeviceExecutor::is_gate(size_t index) const {
  return purpose_ == Purpose::kForward && plan_.ops()[index].kind == OpKind::kLinear &&
         plan_.ops()[index + 1].kind == OpKind::kSwiGlu;
}

gpu::DevicePages DeviceExecutor::layer_pages() const {
  gpu::DevicePages pages = kv_.pages;
  if (pages.base != nullptr) pages.base += layer_ * kv_.layer_stride;
  return pages;
}

gpu::on_device::FinishQkvArgs DeviceExecutor::finish_args(size_t index, const Block& block) {
  const OpRecord& op = plan_.ops()[index];
  const MatrixSpec& product = plan_.matrices()[plan_.ops()[index - 1].matrix];
  const bool norms = op.kind == OpKind::kHeadNorm;
  return {.shape = plan_.attend_shape(),
          .in = at(memory().values[op.input], op.input, block),
          .out = at(memory().values[op.output], op.output, block),
          .rows = block.count,
          .bias = product.bias == kNoOffset ? nullptr : parameters_->weight(product.bias),
          .q_norm = norms ? parameters_->weight(op.weight) : nullptr,
          .k_norm = norms ? parameters_->weight(op.weight2) : nullptr,
          .eps = plan_.config().rms_norm_eps,
          .positions = batch_->positions + block.first,
          .rope_table = model_->rope_table(),
          .pages = layer_pages(),
          .table_rows = batch_->table_rows};
}

gpu::on_device::NormArgs DeviceExecutor::norm_args(const OpRecord& op, const Block& block,
                                                   const Bf16* x, Bf16* y) const {
  return {x,
          y,
          block.count,
          plan_.width(op.input),
          parameters_->weight(op.weight),
          plan_.config().rms_norm_eps};
}

void DeviceExecutor::logits(const OpRecord& op, const Block& block, const Bf16* x) {
  const MatrixSpec& m = plan_.matrices()[op.matrix];
  stream_.linear({x, block.count, parameters_->weight(m.offset), m.outputs, m.inputs, nullptr,
                  nullptr, logits_.data(), logits_stride()});
}

void DeviceExecutor::run_forward(const OpRecord& op, const Block& block,
                                 const std::vector<Slot>& outputs) {
  // A recomputed input (the gather before the last norm) lies where it was recomputed.
  const auto input_slot = [&]() -> const Slot& {
    return outputs[op.input].offset != kNone ? outputs[op.input] : memory().values[op.input];
  };
  const Bf16* x = op.input == kNone ? nullptr : at(input_slot(), op.input, block);
  Bf16* y = op.output == kNone ? nullptr : at(outputs[op.output], op.output, block);
  const uint32_t width = op.output == kNone ? 0 : plan_.width(op.output);
  switch (op.kind) {
    case OpKind::kEmbed:
      return stream_.gather_rows(parameters_->weight(op.weight), batch_->tokens + block.first,
                                 block.count, width, y);
    case OpKind::kGather: {
      const Bf16* all = at(memory().values[op.input], op.input, {0, 0});
      return stream_.gather_rows(all, batch_->head_rows + block.first, block.count, width, y);
    }
    case OpKind::kNorm:
      return stream_.rms_norm(norm_args(op, block, x, y));
    case OpKind::kHeadNorm:
    case OpKind::kRope:
      if (finishes_qkv(index_of(op)) && !attend_finishes())
        stream_.finish_qkv(finish_args(index_of(op), block));
      return;
    case OpKind::kLinear: {
      const MatrixSpec& m = plan_.matrices()[op.matrix];
      if (is_gate(index_of(op))) {
        const ValueId gated = (&op + 1)->output;
        return stream_.gated_linear({x, block.count, parameters_->weight(m.offset), m.outputs / 2,
                                     m.inputs, y, at(outputs[gated], gated, block)});
      }
      const Bf16* residual =
          op.residual == kNone ? nullptr : at(memory().values[op.residual], op.residual, block);
      return stream_.linear({x, block.count, parameters_->weight(m.offset), m.outputs, m.inputs,
                             residual, y, nullptr, m.outputs});
    }
    case OpKind::kAttend: {
      gpu::on_device::AttendArgs a{plan_.attend_shape(), x,
                                   batch_->runs,         batch_->run_count,
                                   batch_->rows_max,     batch_->keys_max,
                                   layer_pages(),        y,
                                   lse(block),           attend_scratch_.data()};
      if (!attend_finishes()) return stream_.attend(a);
      size_t index = index_of(op) - 1;
      while (!finishes_qkv(index)) --index;
      const gpu::on_device::FinishQkvArgs unfinished = finish_args(index, block);
      a.unfinished = &unfinished;
      return stream_.attend(a);
    }
    case OpKind::kSwiGlu:
      if (!is_gate(index_of(op) - 1)) stream_.swiglu(x, block.count, width, y);
      return;
    case OpKind::kLogProb: {
      logits(op, block, x);
      return log_prob(op, block);
    }
  }
}

/// Draws, or scores, from the logits that are there.
void DeviceExecutor::log_prob(const OpRecord& op, const Block& block) {
  const uint32_t vocab = plan_.matrices()[op.matrix].outputs;
  if (batch_->draws()) {
    gpu::on_device::SampleArgs a = batch_->draw;
    a.logits = logits_.data();
    a.rows = block.count;
    a.stride = logits_stride();
    a.vocab = vocab;
    a.slots += block.first;
    a.tokens += block.first;
    a.log_kept += block.first;
    a.logprobs = batch_->logprobs + block.first;
    return stream_.sample(a);
  }
  stream_.log_prob({logits_.data(), block.count, logits_stride(), vocab,
                    batch_->inverse_temperatures + block.first, batch_->targets + block.first,
                    batch_->logprobs + block.first, batch_->entropies + block.first,
                    batch_->lse + block.first});
}

}  // namespace thespis::model
