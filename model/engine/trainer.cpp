#include "model/engine/trainer.hpp"

#include <algorithm>

#include "model/engine/executor_set.hpp"
#include "model/engine/micro_batches.hpp"
#include "model/engine/optimizer.hpp"
#include "model/engine/packed_weights.hpp"

namespace thespis::model {
struct Trainer::State {
  std::shared_ptr<const Policy> policy;
  TrainerLimits limits;
  gpu::ThreadPool& pool;
  Optimizer optimizer;
  std::vector<FloatArena> gradients;  // By lane; made when first used.
  ExecutorSet executors;

  State(std::shared_ptr<const Policy> initial, AdamWOptions options, TrainerLimits lims,
        gpu::ThreadPool& threads)
      : policy(std::move(initial)),
        limits(lims),
        pool(threads),
        optimizer(policy->weights().layout, options),
        executors(policy->shared_plan(), Executor::Purpose::kTraining) {}

  /// Forward, loss and backward of items [first, last).
  void run(std::span<const TrainItem> items, size_t first, size_t last, const LossGradient& loss,
           WholeSequences& sequences, Executor& executor, float* gradient) const {
    sequences.clear();
    for (size_t i = first; i < last; ++i) sequences.add(scored(items[i]));
    executor.forward(*policy, sequences);
    const Batch& batch = sequences.batch();
    const auto dlogprobs =
        loss_gradients(items, first, last, batch.logprobs, batch.entropies, loss);
    executor.backward(*policy, sequences, dlogprobs, gradient);
  }
};

Trainer::Trainer(std::shared_ptr<const Policy> initial, AdamWOptions options, TrainerLimits limits,
                 gpu::ThreadPool& pool) {
  check(limits);
  state_ = std::make_unique<State>(std::move(initial), options, limits, pool);
}

Trainer::~Trainer() = default;

Trainer::StepStats Trainer::step(std::span<const TrainItem> items, const LossGradient& loss,
                                 double learning_rate) {
  State& s = *state_;
  check_step(items, s.policy->config(), learning_rate);
  s.policy->packed().prepare_backward();
  const std::vector<size_t> first = split(items, s.limits);
  const size_t batch_count = first.size() - 1;
  const size_t lane_count = std::min<size_t>(s.limits.lanes, batch_count);
  const uint64_t arena_size = s.policy->weights().layout.size;
  while (s.gradients.size() < lane_count) s.gradients.emplace_back(arena_size);

  s.pool.parallel_for(lane_count, [&](size_t lane) {
    float* gradient = s.gradients[lane].data();
    std::fill_n(gradient, arena_size, 0.0f);
    const ExecutorSet::Loan executor = s.executors.borrow();
    WholeSequences sequences;
    for (size_t b = lane; b < batch_count; b += s.limits.lanes)
      s.run(items, first[b], first[b + 1], loss, sequences, *executor, gradient);
  });

  std::vector<float*> lanes;
  for (size_t l = 0; l < lane_count; ++l) lanes.push_back(s.gradients[l].data());
  StepStats stats = step_stats(items, s.policy->plan());
  stats.grad_norm = s.optimizer.reduce(lanes, s.pool);
  auto weights = std::make_shared<Weights>(s.policy->config());
  s.optimizer.update(lanes[0], stats.grad_norm, learning_rate, s.policy->weights().arena.data(),
                     weights->arena.data(), s.pool);
  s.policy = std::make_shared<const Policy>(*s.policy, std::move(weights), s.policy->version() + 1);
  return stats;
}

std::shared_ptr<const Policy> Trainer::policy() const {
  return state_->policy;
}
std::span<const float> Trainer::first_moment() const {
  return state_->optimizer.first_moment();
}
std::span<const float> Trainer::second_moment() const {
  return state_->optimizer.second_moment();
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
