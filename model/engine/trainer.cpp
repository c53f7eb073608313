#include "model/engine/trainer.hpp"

#include <optional>

#include "model/engine/lane_gradients.hpp"
#include "model/engine/layer_gradients.hpp"
#include "model/engine/micro_batches.hpp"
#include "model/engine/optimizer.hpp"

namespace thespis::model {

struct Trainer::State {
  std::shared_ptr<const Policy> policy;
  const TrainerLimits limits;
  gpu::ThreadPool& pool;
  const std::shared_ptr<collective::Communicator> ranks;
  const WeightLayout layout;
  const Shards shards;
  const Shards::Range own;
  Optimizer optimizer;
  std::optional<LaneGradients> lanes;    // ZeRO-1.
  std::optional<LayerGradients> layers;  // ZeRO-3.
  std::vector<float> weights;            // ZeRO-3: of `own`.
  std::vector<float> gathered[2];        // Moments.

  State(std::shared_ptr<const Policy> initial, AdamWOptions options, TrainerLimits lims,
        gpu::ThreadPool& threads, std::shared_ptr<collective::Communicator> group, Zero zero)
      : limits(lims),
        pool(threads),
        ranks(std::move(group)),
        layout(WeightLayout::of(initial->config())),
        shards(Shards::of(layout, ranks->size())),
        own(shards.of_rank(ranks->rank())),
        optimizer(layout, options, shards, ranks->rank()) {
    if (zero == Zero::kWeights)
      layers.emplace(initial->shared_plan(), layout, limits, shards, *ranks, pool);
    else
      lanes.emplace(initial->shared_plan(), limits, shards, *ranks, pool);
    take(std::move(initial));
  }

  /// The policy that is trained from now on.
  void take(std::shared_ptr<const Policy> next) {
    policy = std::move(next);
    if (!layers) return;
    const float* from = policy->weights().arena.data();
    weights.assign(from + own.begin, from + own.end);
    if (ranks->rank() != 0) policy = without_weights(policy->version());
  }

  std::shared_ptr<const Policy> without_weights(uint64_t version) const {
    const Policy::Fetch fetch = [rank = ranks->rank()]() -> std::shared_ptr<const Weights> {
      throw Error("rank " + std::to_string(rank) + " has its part of the weights alone");
    };
    return std::shared_ptr<const Policy>(new Policy(*policy, {}, fetch, version));
  }

  std::vector<collective::ByteRange> arena_bytes() const { return shards.bytes({0, layout.size}); }

  std::vector<float*> gradients(std::span<const TrainItem> items, const LossGradient& loss,
                                const std::string& step) {
    if (layers) return {layers->compute(weights.data(), items, loss, step)};
    return lanes->compute(*policy, items, loss, step);
  }

  double norm(std::span<float* const> gradient, const std::string& step) const {
    auto squares = optimizer.reduce(gradient, pool);
    ranks->all_gather(std::as_writable_bytes(std::span(squares)), optimizer.squares_bytes(),
                      "norm of " + step);
    return optimizer.norm(squares);
  }

  /// The next policy from the gradient of this rank's range.
  void update(const float* gradient, double norm, double learning_rate, const std::string& step) {
    const uint64_t version = policy->version() + 1;
    const std::string what = "weights of " + step;
    if (!layers) {
      auto next = std::make_shared<Weights>(policy->config());
      optimizer.update(gradient, norm, learning_rate, policy->at(own.begin),
                       next->arena.data() + own.begin, pool);
      ranks->all_gather(std::as_writable_bytes(next->arena.span()), arena_bytes(), what);
      policy = std::make_shared<const Policy>(*policy, std::move(next), version);
      return;
    }
    optimizer.update(gradient, norm, learning_rate, weights.data(), weights.data(), pool);
    // Whole on the first rank alone, for those who sample with them.
    if (ranks->rank() == 0) {
      auto next = std::make_shared<Weights>(policy->config());
      std::copy(weights.begin(), weights.end(), next->arena.data() + own.begin);
      ranks->gather(std::as_writable_bytes(next->arena.span()), arena_bytes(), 0, what);
      policy = std::make_shared<const Policy>(*policy, std::move(next), version);
    } else {
      send_to_first(weights, what);
      policy = without_weights(version);
    }
  }

  void send_to_first(std::span<const float> mine, const std::string& what) const {
    std::vector<collective::ConstBytes> send(ranks->size());
    send[0] = std::as_bytes(mine);
    ranks->exchange(send, std::vector<collective::Bytes>(ranks->size()), what);
  }

  /// The whole array on the first rank, else nothing.
  std::span<const float> gather(std::span<const float> mine, std::vector<float>& whole) const {
    if (ranks->size() == 1) return mine;
    if (ranks->rank() != 0) {
      send_to_first(mine, "moments");
      return {};
    }
    whole.resize(layout.size);
    std::copy(mine.begin(), mine.end(), whole.begin() + static_cast<ptrdiff_t>(own.begin));
    ranks->gather(std::as_writable_bytes(std::span(whole)), arena_bytes(), 0, "moments");
    return whole;
  }
};

Trainer::Trainer(std::shared_ptr<const Policy> initial, AdamWOptions options, TrainerLimits limits,
                 gpu::ThreadPool& pool, std::shared_ptr<collective::Communicator> ranks,
                 Zero zero) {
  check(limits);
  state_ =
      std::make_unique<State>(std::move(initial), options, limits, pool, std::move(ranks), zero);
}

Trainer::~Trainer() = default;

Trainer::StepStats Trainer::step(std::span<const TrainItem> items, const LossGradient& loss,
                                 double learning_rate) {
  State& s = *state_;
  check_step(items, s.policy->config(), learning_rate);
  const std::string step = "step " + std::to_string(s.optimizer.step_count() + 1);
  const auto gradient = s.gradients(items, loss, step);
  StepStats stats = step_stats(items, s.policy->plan());
  stats.grad_norm = s.norm(gradient, step);
  s.update(gradient[0], stats.grad_norm, learning_rate, step);
  return stats;
}

std::shared_ptr<const Policy> Trainer::policy() const {
  return state_->policy;
}
std::span<const float> Trainer::first_moment() const {
  return state_->gather(state_->optimizer.first_moment(), state_->gathered[0]);
}
std::span<const float> Trainer::second_moment() const {
  return state_->gather(state_->optimizer.second_moment(), state_->gathered[1]);
}
uint64_t Trainer::step_count() const {
  return state_->optimizer.step_count();
}

void Trainer::restore(std::shared_ptr<const Policy> policy, std::span<const float> first_moment,
                      std::span<const float> second_moment, uint64_t step_count) {
  check_same_model(*policy, *state_->policy);
  state_->optimizer.restore(first_moment, second_moment, step_count);
  state_->take(std::move(policy));
}

void Trainer::gather_items(std::span<std::byte> records) const {
  const State& s = *state_;
  const auto& item_ranks = s.layers ? s.layers->item_ranks() : s.lanes->item_ranks();
  if (s.ranks->size() == 1 || item_ranks.empty()) return;
  const size_t size = records.size() / item_ranks.size();
  const auto for_items = [&](uint32_t rank, auto&& f) {
    for (size_t i = 0; i < item_ranks.size(); ++i)
      if (item_ranks[i] == rank) f(records.subspan(i * size, size));
  };
  std::vector<std::vector<std::byte>> of_rank(s.ranks->size());
  std::vector<collective::ConstBytes> send(s.ranks->size());
  std::vector<collective::Bytes> receive(s.ranks->size());
  const uint32_t me = s.ranks->rank();
  for (uint32_t r = 1; r < s.ranks->size(); ++r) {
    if (me != 0 && me != r) continue;
    for_items(
        r, [&](auto record) { of_rank[r].insert(of_rank[r].end(), record.begin(), record.end()); });
    if (me == 0)
      receive[r] = of_rank[r];
    else
      send[0] = of_rank[r];
  }
  s.ranks->exchange(send, receive, "results of step " + std::to_string(step_count()));
  for (uint32_t r = 1; r < s.ranks->size() && me == 0; ++r)
    for_items(r, [at = of_rank[r].begin(), size](auto record) mutable {
      std::copy_n(at, size, record.begin());
      at += static_cast<ptrdiff_t>(size);
    });
}

void Trainer::broadcast(std::span<std::byte> bytes) const {
  state_->ranks->broadcast(bytes, 0, "the state to begin with");
}

}  // namespace thespis::model
