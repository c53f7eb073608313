#include "model/engine/trainer.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <string>

#include "model/engine/executor_set.hpp"
#include "model/engine/optimizer.hpp"
#include "model/engine/packed_weights.hpp"
#include "runtime/base/error.hpp"

namespace thespis::model {
namespace {

ScoredSequence scored(const TrainItem& item) {
  return {item.prompt, item.completion, item.temperature};
}

/// First item of each micro-batch (and the end): whole sequences in order, about equal in rows.
/// Their number fills the lanes evenly: a power of two up to `lanes`, then a multiple of it.
std::vector<size_t> split(std::span<const TrainItem> items, const TrainerLimits& limits) {
  uint64_t total = 0;
  for (const TrainItem& item : items) total += scored(item).rows();
  const uint64_t needed = (total + limits.micro_batch_tokens - 1) / limits.micro_batch_tokens;
  const uint64_t count =
      needed <= limits.lanes
          ? std::min<uint64_t>(limits.lanes, std::bit_ceil(std::max<uint64_t>(needed, 1)))
          : (needed + limits.lanes - 1) / limits.lanes * limits.lanes;
  std::vector<size_t> first{0};
  uint64_t rows = 0;
  for (size_t i = 0; i < items.size(); ++i) {
    if (first.size() < count && i > first.back() && rows * count >= total * first.size())
      first.push_back(i);
    rows += scored(items[i]).rows();
  }
  first.push_back(items.size());
  return first;
}

}  // namespace

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

  void check(std::span<const TrainItem> items) const {
    for (size_t i = 0; i < items.size(); ++i)
      check_sequence(scored(items[i]), policy->config().vocab_size, policy->config().context_max,
                     "training item " + std::to_string(i));
  }

  /// Forward, loss and backward of items [first, last).
  void run(std::span<const TrainItem> items, size_t first, size_t last, const LossGradient& loss,
           WholeSequences& sequences, Executor& executor, float* gradient) const {
    sequences.clear();
    for (size_t i = first; i < last; ++i) sequences.add(scored(items[i]));
    executor.forward(*policy, sequences);
    const Batch& batch = sequences.batch();
    std::vector<float> dlogprobs(batch.logprobs.size());
    size_t at = 0;
    for (size_t i = first; i < last; ++i) {
      const size_t count = items[i].completion.size();
      const std::span<const float> logprobs{batch.logprobs.data() + at, count};
      const std::span<float> dloss{dlogprobs.data() + at, count};
      check_finite(i, logprobs, "log-prob");
      loss(i, logprobs, {batch.entropies.data() + at, count}, dloss);
      check_finite(i, dloss, "loss gradient");
      at += count;
    }
    executor.backward(*policy, sequences, dlogprobs, gradient);
  }

  static void check_finite(size_t item, std::span<const float> values, const char* what) {
    for (size_t p = 0; p < values.size(); ++p)
      if (!std::isfinite(values[p]))
        throw Error("training: item " + std::to_string(item) + ": the " + what + " of token " +
                    std::to_string(p) + " is not finite; the step was not taken");
  }
};

Trainer::Trainer(std::shared_ptr<const Policy> initial, AdamWOptions options, TrainerLimits limits,
                 gpu::ThreadPool& pool) {
  if (limits.micro_batch_tokens == 0 || limits.lanes == 0)
    throw InputError("trainer limits: micro_batch_tokens and lanes must be at least 1");
  state_ = std::make_unique<State>(std::move(initial), options, limits, pool);
}

Trainer::~Trainer() = default;

Trainer::StepStats Trainer::step(std::span<const TrainItem> items, const LossGradient& loss,
                                 double learning_rate) {
  State& s = *state_;
  s.check(items);
  if (!std::isfinite(learning_rate) || learning_rate < 0)
    throw InputError("training: learning rate " + std::to_string(learning_rate) +
                     " must be finite and at least 0");
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
  StepStats stats;
  stats.grad_norm = s.optimizer.reduce(lanes, s.pool);
  for (const TrainItem& item : items) {
    const uint64_t rows = scored(item).rows();
    stats.tokens += rows;
    stats.flops += 3.0 * s.policy->plan().forward_flops(rows, item.completion.size());
  }
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
  if (policy->config() != state_->policy->config())
    throw InputError("trainer restore: the policy is of another model");
  state_->optimizer.restore(first_moment, second_moment, step_count);
  state_->policy = std::move(policy);
}

}  // namespace thespis::model
