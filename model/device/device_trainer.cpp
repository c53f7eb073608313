#include "model/device/device_trainer.hpp"

#include "model/device/device_executor.hpp"
#include "model/device/device_optimizer.hpp"
#include "model/engine/micro_batches.hpp"
#include "runtime/base/error.hpp"

namespace thespis::model {

struct DeviceTrainer::State {
  std::shared_ptr<DeviceModel> model;
  std::shared_ptr<const Policy> policy;
  TrainerLimits limits;
  std::unique_ptr<gpu::DeviceStream> stream;
  DeviceExecutor executor;
  // Shared with the policies made here: they ask it for their weights.
  std::shared_ptr<DeviceOptimizer> optimizer;
  DeviceBatchMemory memory;
  std::vector<float> moments[2];

  State(std::shared_ptr<DeviceModel> on, std::shared_ptr<const Policy> initial,
        AdamWOptions options, TrainerLimits lims)
      : model(std::move(on)),
        policy(std::move(initial)),
        limits(lims),
        stream(model->device()->make_stream()),
        executor(model, DeviceExecutor::Purpose::kTraining, *stream),
        optimizer(std::make_shared<DeviceOptimizer>(model, policy->weights(), options, *stream)),
        memory(model->device()) {}

  /// Forward, loss and backward of one micro-batch.
  void run(std::span<const TrainItem> items, size_t first, size_t last, const LossGradient& loss) {
    WholeSequences sequences;
    for (size_t i = first; i < last; ++i) sequences.add(scored(items[i]));
    const Batch& batch = sequences.batch();
    if (batch.rows() == 0) return;
    // Whole items whose logits fit together: their loss needs all of their log-probs.
    std::vector<DeviceExecutor::HeadRows> parts;
    std::vector<size_t> part_first;
    for (size_t i = first; i < last; ++i) {
      const auto count = static_cast<uint32_t>(items[i].completion.size());
      if (parts.empty() || parts.back().count + count > executor.head_capacity()) {
        parts.push_back({parts.empty() ? 0 : parts.back().first + parts.back().count, 0});
        part_first.push_back(i);
      }
      parts.back().count += count;
    }
    part_first.push_back(last);

    const DeviceBatch on_device = memory.upload(*stream, batch);
    const auto rows = memory.upload(*stream, TokenRows::of(batch.tokens));
    std::vector<float> logprobs, entropies;
    size_t part = 0;
    const auto part_loss = [&](const DeviceExecutor::HeadRows& of) {
      logprobs.resize(of.count);
      entropies.resize(of.count);
      const size_t bytes = of.count * sizeof(float);
      stream->download(logprobs.data(), on_device.logprobs + of.first, bytes);
      stream->download(entropies.data(), on_device.entropies + of.first, bytes);
      stream->synchronize();
      const auto gradient =
          loss_gradients(items, part_first[part], part_first[part + 1], logprobs, entropies, loss);
      ++part;
      stream->upload(memory.dlogprobs() + of.first, gradient.data(), bytes);
    };
    executor.train(*model->weights_of(*policy), on_device, parts, part_loss, memory.dlogprobs(),
                   rows, optimizer->gradient());
  }
};

DeviceTrainer::DeviceTrainer(std::shared_ptr<DeviceModel> model,
                             std::shared_ptr<const Policy> initial, AdamWOptions options,
                             TrainerLimits limits) {
  check(limits);
  state_ = std::make_unique<State>(std::move(model), std::move(initial), options, limits);
}

DeviceTrainer::~DeviceTrainer() = default;

Trainer::StepStats DeviceTrainer::step(std::span<const TrainItem> items, const LossGradient& loss,
                                       double learning_rate) {
  State& s = *state_;
  check_step(items, s.policy->config(), learning_rate);
  // One lane: the order of the micro-batches is the order of the sums.
  const auto first = split(items, {s.limits.micro_batch_tokens, 1});
  s.stream->zero(s.optimizer->gradient(), s.model->arena_size() * sizeof(float));
  for (size_t b = 0; b + 1 < first.size(); ++b) s.run(items, first[b], first[b + 1], loss);
  Trainer::StepStats stats = step_stats(items, s.policy->plan());
  stats.grad_norm = s.optimizer->gradient_norm();
  DeviceArray<gpu::Bf16> arena = s.model->take_arena();
  s.optimizer->update(stats.grad_norm, learning_rate, arena.data());
  auto weights = std::make_shared<const DeviceWeights>(s.model, std::move(arena));
  const auto fetch = [optimizer = std::weak_ptr(s.optimizer), config = s.policy->config(),
                      step = s.optimizer->step_count()] {
    const auto alive = optimizer.lock();
    if (alive == nullptr) throw Error("device: the trainer that had these weights is gone");
    return alive->masters(config, step);
  };
  s.policy =
      std::make_shared<const Policy>(*s.policy, std::move(weights), fetch, s.policy->version() + 1);
  return stats;
}

std::shared_ptr<const Policy> DeviceTrainer::policy() const {
  return state_->policy;
}
std::span<const float> DeviceTrainer::first_moment() const {
  return state_->moments[0] = state_->optimizer->first_moment();
}
std::span<const float> DeviceTrainer::second_moment() const {
  return state_->moments[1] = state_->optimizer->second_moment();
}
uint64_t DeviceTrainer::step_count() const {
  return state_->optimizer->step_count();
}

void DeviceTrainer::restore(std::shared_ptr<const Policy> policy,
                            std::span<const float> first_moment,
                            std::span<const float> second_moment, uint64_t step_count) {
  check_same_model(*policy, *state_->policy);
  state_->optimizer->restore(policy->weights(), first_moment, second_moment, step_count);
  state_->policy = std::move(policy);
}

}  // namespace thespis::model
