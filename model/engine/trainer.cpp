#include "model/engine/trainer.hpp"

#include "model/engine/lane_gradients.hpp"
#include "model/engine/micro_batches.hpp"
#include "model/engine/optimizer.hpp"

namespace thespis::model {

struct Trainer::State {
  std::shared_ptr<const Policy> policy;
  const TrainerLimits limits;
  gpu::ThreadPool& pool;
  const std::shared_ptr<collective::Communicator> ranks;
  const Shards shards;
  const Shards::Range own;
  Optimizer optimizer;
  LaneGradients gradients;
  std::vector<float> gathered[2];  // Moments.

  State(std::shared_ptr<const Policy> initial, AdamWOptions options, TrainerLimits lims,
        gpu::ThreadPool& threads, std::shared_ptr<collective::Communicator> group)
      : policy(std::move(initial)),
        limits(lims),
        pool(threads),
        ranks(std::move(group)),
        shards(Shards::of(policy->weights().layout, ranks->size())),
        own(shards.of_rank(ranks->rank())),
        optimizer(policy->weights().layout, options, shards, ranks->rank()),
        gradients(policy->shared_plan(), limits, shards, *ranks, pool) {}

  std::vector<collective::ByteRange> arena_bytes() const {
    return shards.bytes({0, policy->weights().layout.size});
  }

  std::span<const float> gather(std::span<const float> mine, std::vector<float>& whole) const {
    if (ranks->size() == 1) return mine;
    whole.resize(policy->weights().layout.size);
    std::copy(mine.begin(), mine.end(), whole.begin() + static_cast<ptrdiff_t>(own.begin));
    ranks->gather(std::as_writable_bytes(std::span(whole)), arena_bytes(), 0, "moments");
    if (ranks->rank() != 0) whole.clear();
    return whole;
  }
};

Trainer::Trainer(std::shared_ptr<const Policy> initial, AdamWOptions options, TrainerLimits limits,
                 gpu::ThreadPool& pool, std::shared_ptr<collective::Communicator> ranks) {
  check(limits);
  state_ = std::make_unique<State>(std::move(initial), options, limits, pool, std::move(ranks));
}

Trainer::~Trainer() = default;

Trainer::StepStats Trainer::step(std::span<const TrainItem> items, const LossGradient& loss,
                                 double learning_rate) {
  State& s = *state_;
  check_step(items, s.policy->config(), learning_rate);
  const std::string step = "step " + std::to_string(s.optimizer.step_count() + 1);
  const auto lanes = s.gradients.compute(*s.policy, items, loss, step);
  auto squares = s.optimizer.reduce(lanes, s.pool);
  s.ranks->all_gather(std::as_writable_bytes(std::span(squares)), s.optimizer.squares_bytes(),
                      "norm of " + step);
  StepStats stats = step_stats(items, s.policy->plan());
  stats.grad_norm = s.optimizer.norm(squares);
  auto weights = std::make_shared<Weights>(s.policy->config());
  float* next = weights->arena.data();
  s.optimizer.update(lanes[0], stats.grad_norm, learning_rate,
                     s.policy->weights().arena.data() + s.own.begin, next + s.own.begin, s.pool);
  s.ranks->all_gather(std::as_writable_bytes(weights->arena.span()), s.arena_bytes(),
                      "weights of " + step);
  s.policy = std::make_shared<const Policy>(*s.policy, std::move(weights), s.policy->version() + 1);
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
  state_->policy = std::move(policy);
}

}  // namespace thespis::model
