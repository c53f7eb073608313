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
        loss_gradients(items, first[b], first[b + 1], batch.logprobs, batch.entropies, loss);
    executor->backward(policy, sequences, dlogprobs, gradient);
  }
}

std::vector<float*> LaneGradients::compute(const Policy& policy, std::span<const TrainItem> items,
                                           const LossGradient& loss, const std::string& step) {
  const std::vector<size_t> first = split(items, limits_);
  const size_t lane_count = std::min<size_t>(limits_.lanes, first.size() - 1);
  const LaneBlock own = LaneBlock::of(lane_count, ranks_.size(), ranks_.rank());
  const uint64_t arena_size = policy.weights().arena.size();
  ranks_.all_or_none(
      [&] {
        while (own_.size() < own.last - own.first) own_.emplace_back(arena_size);
        while (received_.size() < lane_count - (own.last - own.first))
          received_.emplace_back(shards_.of_rank(ranks_.rank()).size());
        policy.packed().prepare_backward();
        pool_.parallel_for(own.last - own.first, [&](size_t l) {
          float* gradient = own_[l].data();
          std::fill_n(gradient, arena_size, 0.0f);
          run_lane(policy, items, first, own.first + l, loss, gradient);
        });
      },
      "losses of " + step);
  return exchange(lane_count, step);
}

std::vector<float*> LaneGradients::exchange(size_t lane_count, const std::string& step) {
  const uint32_t rank_count = ranks_.size(), me = ranks_.rank();
  const auto block = [&](uint32_t r) { return LaneBlock::of(lane_count, rank_count, r); };
  const Shards::Range range = shards_.of_rank(me);
  std::vector<float*> lanes;
  size_t others = 0;
  for (size_t l = 0; l < lane_count; ++l) {
    const bool is_own = block(me).first <= l && l < block(me).last;
    lanes.push_back(is_own ? own_[l - block(me).first].data() + range.begin
                           : received_[others++].data());
  }
  // The k-th lane of every rank goes round together: no copies, and as many rounds as lanes a rank.
  for (size_t k = 0; rank_count > 1 && k < (lane_count + rank_count - 1) / rank_count; ++k) {
    std::vector<collective::ConstBytes> send(rank_count);
    std::vector<collective::Bytes> receive(rank_count);
    for (uint32_t r = 0; r < rank_count; ++r) {
      if (r == me) continue;
      const Shards::Range theirs = shards_.of_rank(r);
      if (block(me).first + k < block(me).last)
        send[r] = std::as_bytes(std::span(own_[k].data() + theirs.begin, theirs.size()));
      if (block(r).first + k < block(r).last)
        receive[r] = std::as_writable_bytes(std::span(lanes[block(r).first + k], range.size()));
    }
    ranks_.exchange(send, receive, "gradients of " + step);
  }
  return lanes;
}

}  // namespace thespis::model
