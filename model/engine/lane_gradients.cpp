#include "model/engine/lane_gradients.hpp"

#include <algorithm>

#include "model/engine/micro_batches.hpp"
#include "model/engine/packed_weights.hpp"

namespace thespis::model {

void LaneGradients::run_lane(const Policy& policy, std::span<const TrainItem> items,
                             std::span<const size_t> first, size_t lane, const LossGradient& loss,
                             float* gradient) {
  const ExecutorSet::Loan executor = executors_.borrow();
  WholeSequences sequences;
  for (size_t b = lane; b + 1 < first.size(); b += limits_.lanes) {
    sequences.clear();
    for (size_t i = first[b]; i < first[b + 1]; ++i) sequences.add(scored(items[i]));
    executor->forward(policy, sequences);
    const Batch& batch = sequences.batch();
    const auto dlogprobs =
        BatchLoss(items, first[b], first[b + 1], loss).next(batch.logprobs, batch.entropies);
    executor->backward(policy, dlogprobs, gradient);
  }
}

std::vector<float*> LaneGradients::compute(const Policy& policy, std::span<const TrainItem> items,
                                           const LossGradient& loss, const std::string& step) {
  const std::vector<size_t> first = split(items, limits_);
  const size_t lane_count = std::min<size_t>(limits_.lanes, first.size() - 1);
  const LaneBlock own = LaneBlock::of(lane_count, ranks_.size(), ranks_.rank());
  assign_items(first, lane_count, ranks_.size(), item_ranks_);
  const uint64_t arena_size = policy.weights().arena.size();
  ranks_.all_or_none(
      [&] {
        while (own_.size() < own.size()) own_.emplace_back(arena_size);
        policy.packed().prepare_backward();
        pool_.parallel_for(own.size(), [&](size_t l) {
          float* gradient = own_[l].data();
          std::fill_n(gradient, arena_size, 0.0f);
          run_lane(policy, items, first, own.first + l, loss, gradient);
        });
      },
      "losses of " + step);
  std::vector<float*> lanes;
  for (size_t l = 0; l < own.size(); ++l) lanes.push_back(own_[l].data());
  return exchange_.run(lane_count, lanes, {0, arena_size}, "gradients of " + step);
}

}  // namespace thespis::model
