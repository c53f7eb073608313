// Segments, gradients and memory of a recorded forward pass.

#include "model/engine/plan.hpp"

#include <algorithm>

#include "model/engine/family.hpp"
#include "model/engine/rope.hpp"
#include "runtime/base/assert.hpp"

namespace thespis::model {
namespace {

bool is_recomputed(OpKind kind) {
  return kind == OpKind::kNorm || kind == OpKind::kGather;
}

/// The lifetime of one array, in steps of a walk, and the segments that touch it.
struct Life {
  uint32_t first = kNone, last = 0;
  uint32_t first_segment = kNone, last_segment = 0;

  void touch(uint32_t step, uint32_t segment) {
    first = std::min(first, step);
    last = std::max(last, step);
    first_segment = std::min(first_segment, segment);
    last_segment = std::max(last_segment, segment);
  }
  bool exists() const { return first != kNone; }
  bool in_one_segment() const { return first_segment == last_segment; }
};

struct Piece {
  Life life;
  uint32_t width;
  Slot* slot;
};

/// First fit in order of birth; returns the width of the arena. Widths are kept to cache lines.
uint32_t place(std::vector<Piece>& pieces) {
  std::stable_sort(pieces.begin(), pieces.end(),
                   [](const Piece& a, const Piece& b) { return a.life.first < b.life.first; });
  uint32_t total = 0;
  for (size_t i = 0; i < pieces.size(); ++i) {
    std::vector<std::pair<uint32_t, uint32_t>> taken;
    for (size_t j = 0; j < i; ++j)
      if (pieces[j].life.last >= pieces[i].life.first)
        taken.emplace_back(pieces[j].slot->offset, pieces[j].slot->offset + pieces[j].width);
    std::sort(taken.begin(), taken.end());
    uint32_t offset = 0;
    for (const auto& [begin, end] : taken) {
      if (offset + pieces[i].width <= begin) break;
      offset = std::max(offset, end);
    }
    pieces[i].slot->offset = offset;
    total = std::max(total, offset + pieces[i].width);
  }
  return total;
}

}  // namespace

Plan::Plan(const ModelConfig& config)
    : config_(config), attend_shape_{config.head_count, config.kv_head_count, config.head_dim} {
  const WeightLayout layout = WeightLayout::of(config);
  Recorder recorder(*this, layout);
  record_decoder(recorder, config);
  cut_segments();
  plan_gradients();
  forward_memory_ = plan_memory(false);
  training_memory_ = plan_memory(true);
  rope_table_ = make_rope_table(config);
}

double Plan::forward_flops(uint64_t rows, uint64_t head_rows) const {
  const MatrixSpec& head = matrices_.back();
  const double head_parameters = double(head.outputs) * head.inputs;
  const double dense = double(matmul_parameters_) - head_parameters;
  const double attention = double(config_.layer_count) * attend_shape_.q_size() * rows * (rows + 1);
  return 2.0 * dense * rows + 2.0 * head_parameters * head_rows + 2.0 * attention;
}

void Plan::cut_segments() {
  bool head_rows = false;
  for (uint32_t i = 0; i < ops_.size(); ++i) {
    const bool attend = ops_[i].kind == OpKind::kAttend;
    const bool gather = ops_[i].kind == OpKind::kGather;
    head_rows = head_rows || gather;
    if (i == 0 || attend || gather || !segments_.back().row_local)
      segments_.push_back({i, 0, !attend, head_rows});
    ++segments_.back().op_count;
  }
}

void Plan::plan_gradients() {
  gradient_storage_.resize(widths_.size());
  for (ValueId v = 0; v < widths_.size(); ++v) gradient_storage_[v] = v;
  // A residual's gradient is the output's, and goes on being added to; a rotation works in place.
  // Walking backwards, the output's storage is final before the input takes it.
  for (auto op = ops_.rbegin(); op != ops_.rend(); ++op) {
    if (op->residual != kNone) gradient_storage_[op->residual] = gradient_storage_[op->output];
    if (op->kind == OpKind::kRope) gradient_storage_[op->input] = gradient_storage_[op->output];
  }
  std::vector<bool> exists(widths_.size(), false);
  for (auto op = ops_.rbegin(); op != ops_.rend(); ++op) {
    if (op->input == kNone || op->kind == OpKind::kRope) continue;
    const ValueId g = gradient_storage_[op->input];
    op->accumulate = exists[g];
    exists[g] = true;
    const bool can_add =
        op->kind == OpKind::kNorm || op->kind == OpKind::kLinear || op->kind == OpKind::kHeadNorm;
    THESPIS_ASSERT(can_add || !op->accumulate);
  }
}

MemoryPlan Plan::plan_memory(bool training, uint32_t recomputed_layers) const {
  const size_t count = widths_.size();
  std::vector<Life> forward(count), backward(count), gradient(count);
  std::vector<bool> recomputed(count, false), in_place(count, false);  // A gradient in its value's.
  std::vector<std::pair<uint32_t, uint32_t>> spans;  // The steps of each walk of a segment.
  uint32_t step = 0, feed_forwards = 0;
  const auto touch = [&](std::vector<Life>& lives, const std::vector<ValueId>& storage, ValueId v,
                         uint32_t segment) {
    if (v != kNone) lives[storage[v]].touch(step, segment);
  };
  for (uint32_t s = 0; s < segments_.size(); ++s) {
    const uint32_t begin = step;
    for (uint32_t i = 0; i < segments_[s].op_count; ++i, ++step) {
      const OpRecord& op = ops_[segments_[s].first_op + i];
      for (const ValueId v : {op.input, op.output, op.residual, op.lse})
        touch(forward, storage_, v, s);
      if (is_recomputed(op.kind)) recomputed[op.output] = true;
      if (op.kind != OpKind::kSwiGlu) continue;
      in_place[op.input] = true;
      recomputed[op.input] = feed_forwards++ < recomputed_layers;
    }
    spans.emplace_back(begin, step - 1);
  }
  const auto touch_gradient = [&](ValueId v, uint32_t segment) {
    if (v != kNone && in_place[v])
      touch(backward, storage_, v, segment);
    else
      touch(gradient, gradient_storage_, v, segment);
  };
  for (uint32_t s = static_cast<uint32_t>(segments_.size()); training && s-- > 0;) {
    const uint32_t begin = step;
    const Segment& segment = segments_[s];
    for (uint32_t i = 0; i < segment.op_count; ++i, ++step) {
      const OpRecord& op = ops_[segment.first_op + i];
      if (op.output == kNone || !recomputed[op.output]) continue;
      touch(backward, storage_, op.input, s);
      touch(backward, storage_, op.output, s);
    }
    for (uint32_t i = segment.op_count; i-- > 0; ++step) {
      const OpRecord& op = ops_[segment.first_op + i];
      if (op.kind != OpKind::kRope && op.kind != OpKind::kGather && !op.after_gate)
        touch(backward, storage_, op.input, s);
      if (op.kind == OpKind::kAttend) {
        touch(backward, storage_, op.output, s);
        touch(backward, storage_, op.lse, s);
      }
      touch_gradient(op.input, s);
      touch_gradient(op.output, s);
      if (op.kind == OpKind::kSwiGlu) touch_gradient((&op + 1)->output, s);
    }
    spans.emplace_back(begin, step - 1);
  }

  MemoryPlan plan;
  plan.values.resize(count);
  plan.recomputed.resize(count);
  plan.gradients.resize(count);
  std::vector<Piece> whole, block;
  const auto add = [&](Life life, uint32_t width, bool local, Slot& slot) {
    slot.local = local;
    if (!local) {  // Blocks of a segment interleave: a whole array lives from walk to walk.
      for (const auto& [begin, end] : spans) {
        if (begin <= life.first && life.first <= end) life.first = begin;
        if (begin <= life.last && life.last <= end) {
          life.last = end;
          break;
        }
      }
    }
    (local ? block : whole).push_back({life, gpu::round_up(width, gpu::kLanes), &slot});
  };
  for (ValueId v = 0; v < count; ++v) {
    if (forward[v].exists()) {
      Life life = forward[v];
      if (recomputed[v] && backward[v].exists()) {
        THESPIS_ASSERT(life.in_one_segment() && backward[v].in_one_segment());
        add(backward[v], widths_[v], true, plan.recomputed[v]);
      } else if (backward[v].exists()) {
        life.touch(backward[v].first, kNone - 1);
        life.touch(backward[v].last, kNone - 1);
      }
      add(life, widths_[v], life.in_one_segment() && segments_[life.first_segment].row_local,
          plan.values[v]);
    }
    if (gradient[v].exists())
      add(gradient[v], widths_[v],
          gradient[v].in_one_segment() && segments_[gradient[v].first_segment].row_local,
          plan.gradients[v]);
  }
  plan.whole_width = place(whole);
  plan.block_width = place(block);
  // Values in place of another, and gradients that are one array, take the owner's slot.
  for (ValueId v = 0; v < count; ++v) {
    plan.values[v] = plan.values[storage_[v]];
    plan.gradients[v] = in_place[v] ? plan.kept(v) : plan.gradients[gradient_storage_[v]];
  }
  return plan;
}

}  // namespace thespis::model
