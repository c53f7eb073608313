#include "model/engine/layer_gradients.hpp"

#include <algorithm>
#include <utility>

#include "model/engine/micro_batches.hpp"

namespace thespis::model {

LayerGradients::LayerGradients(std::shared_ptr<const Plan> plan, const WeightLayout& layout,
                               const TrainerLimits& limits, const Shards& shards,
                               collective::Communicator& ranks, gpu::ThreadPool& pool)
    : plan_(std::move(plan)),
      units_(*plan_, layout),
      limits_(limits),
      shards_(shards),
      ranks_(ranks),
      pool_(pool),
      exchange_(shards, ranks),
      total_(shards.of_rank(ranks.rank()).size()) {}

float* LayerGradients::compute(const float* own, std::span<const TrainItem> items,
                               const LossGradient& loss, const std::string& step) {
  weights_ = own;
  step_ = step;
  let_go();
  const std::vector<size_t> first = split(items, limits_);
  for (size_t b = 0; b + 1 < first.size(); b += limits_.lanes) {
    const size_t count = std::min<size_t>(limits_.lanes, first.size() - 1 - b);
    assign_items(std::span(first).subspan(b, count + 1), count, ranks_.size(), item_ranks_);
    run({.items = items,
         .first = std::span(first).subspan(b, count + 1),
         .is_first = b == 0,
         .own = LaneBlock::of(count, ranks_.size(), ranks_.rank())},
        loss);
  }
  let_go();
  return total_.data();
}

void LayerGradients::let_go() {
  held_.units.clear();
  held_.forward.clear();
  held_.backward.clear();
}

void LayerGradients::run(const Round& round, const LossGradient& loss) {
  const size_t count = round.own.size();
  const auto items_of = [&](size_t l) {
    return std::pair{round.first[round.own.first + l], round.first[round.own.first + l + 1]};
  };
  ranks_.all_or_none(
      [&] {
        while (lanes_.size() < count) lanes_.push_back(std::make_unique<Lane>(plan_));
        for (size_t l = 0; l < count; ++l) {
          lanes_[l]->gradients.clear();  // A step that failed may have left some.
          lanes_[l]->sequences.clear();
          for (auto [i, end] = items_of(l); i < end; ++i)
            lanes_[l]->sequences.add(scored(round.items[i]));
          lanes_[l]->executor.start(lanes_[l]->sequences);
        }
      },
      "begin of " + step_);
  const auto segments = static_cast<uint32_t>(plan_->segments().size());
  for (uint32_t s = 0; s < segments; ++s) {
    hold(s, /*backward=*/false);
    pool_.parallel_for(count, [&](size_t l) { lanes_[l]->executor.forward_segment(held_, s); });
  }
  ranks_.all_or_none(
      [&] {
        pool_.parallel_for(count, [&](size_t l) {
          const auto [first, last] = items_of(l);
          const Batch& batch = lanes_[l]->sequences.batch();
          lanes_[l]->dlogprobs =
              BatchLoss(round.items, first, last, loss).next(batch.logprobs, batch.entropies);
        });
      },
      "losses of " + step_);
  for (uint32_t s = segments; s-- > 0;) {
    hold(s, /*backward=*/true);
    backward(round, s);
  }
}

void LayerGradients::hold(uint32_t segment, bool backward) {
  const auto& wanted = units_.of_segment(segment);
  std::erase_if(held_.units, [&](const auto& unit) {
    return std::find(wanted.begin(), wanted.end(), unit.first) == wanted.end();
  });
  held_.map.clear();
  for (const uint32_t u : wanted) {
    const Shards::Range range = units_.units()[u].range;
    auto [place, is_new] = held_.units.try_emplace(u, 0);
    if (is_new) {
      place->second = FloatArena(range.size());
      const Shards::Range all = shards_.of_rank(ranks_.rank()), own = all & range;
      if (own.size() > 0)
        std::copy_n(weights_ + (own.begin - all.begin), own.size(),
                    place->second.data() + (own.begin - range.begin));
      ranks_.all_gather(std::as_writable_bytes(place->second.span()), shards_.bytes(range),
                        "layer weights of " + step_);
    }
    held_.map.add(range.begin, range.end, place->second.data());
  }
  held_.forward.clear();
  held_.backward.clear();
  const Segment& s = plan_->segments()[segment];
  for (uint32_t i = 0; i < s.op_count; ++i) {
    const OpRecord& op = plan_->ops()[s.first_op + i];
    if (op.matrix == kNone) continue;
    // Backward, the head makes its logits again.
    if (!backward || op.kind == OpKind::kLogProb) pack(op, false, held_.forward);
    if (backward) pack(op, true, held_.backward);
  }
}

void LayerGradients::pack(const OpRecord& op, bool transposed,
                          std::map<uint32_t, FloatArena>& panels) {
  const gpu::Ops& ops = gpu::cpu_ops();
  const MatrixSpec& m = plan_->matrices()[op.matrix];
  const uint32_t outputs = transposed ? m.inputs : m.outputs;
  const uint32_t inputs = transposed ? m.outputs : m.inputs;
  FloatArena& place = panels.emplace(op.matrix, ops.packed_size(outputs, inputs)).first->second;
  ops.pack({.weight = held_.map.at(m.offset),
            .outputs = outputs,
            .inputs = inputs,
            .transposed = transposed,
            .panels = place.data()});
}

void LayerGradients::backward(const Round& round, uint32_t segment) {
  const auto& units = units_.of_segment(segment);
  pool_.parallel_for(round.own.size(), [&](size_t l) {
    Lane& lane = *lanes_[l];
    lane.map.clear();
    for (const uint32_t u : units) {
      const Shards::Range range = units_.units()[u].range;
      FloatArena& gradient = lane.gradients.try_emplace(u, 0).first->second;
      if (gradient.size() == 0) gradient = FloatArena(range.size());
      lane.map.add(range.begin, range.end, gradient.data());
    }
    lane.executor.backward_segment(held_, segment, lane.dlogprobs, lane.map);
  });
  for (const uint32_t u : units)
    if (units_.units()[u].first_segment == segment) reduce(round, u);
}

void LayerGradients::reduce(const Round& round, uint32_t unit) {
  const Shards::Range range = units_.units()[unit].range;
  std::vector<float*> own;
  for (size_t l = 0; l < round.own.size(); ++l) own.push_back(lanes_[l]->gradients.at(unit).data());
  auto lanes = exchange_.run(round.lane_count(), own, range, "gradients of " + step_);
  const Shards::Range all = shards_.of_rank(ranks_.rank()), part = all & range;
  constexpr uint64_t kPieceFloats = 16384;
  pool_.parallel_for((part.size() + kPieceFloats - 1) / kPieceFloats, [&](size_t i) {
    const uint64_t at = i * kPieceFloats, size = std::min(kPieceFloats, part.size() - at);
    gpu::cpu_ops().sum_lanes(lanes.data(), lanes.size(), at, size);
    float* total = total_.data() + (part.begin - all.begin);
    if (round.is_first) {
      std::copy_n(lanes[0] + at, size, total + at);
    } else {
      float* const both[] = {total, lanes[0]};
      gpu::cpu_ops().sum_lanes(both, 2, at, size);
    }
  });
  for (size_t l = 0; l < round.own.size(); ++l) lanes_[l]->gradients.erase(unit);
}

}  // namespace thespis::model
