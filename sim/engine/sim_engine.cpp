#include "sim/engine/sim_engine.hpp"

#include <xxhash.h>

#include <utility>

#include "runtime/base/error.hpp"
#include "sim/engine/sim_decoder.hpp"

namespace thespis::sim {
namespace {

class SimTrainer final : public Trainer {
 public:
  SimTrainer(World& world, uint32_t node, std::shared_ptr<const model::Policy> initial)
      : world_(world),
        node_(node),
        policy_(std::move(initial)),
        first_(policy_->weights().arena.size()),
        second_(first_.size()) {}

  model::Trainer::StepStats step(std::span<const model::TrainItem> items,
                                 const model::LossGradient& loss, double) override {
    const uint64_t checksum = policy_->weights().checksum();
    uint64_t tokens = 0;
    world_.want_memory(node_, "activations");
    for (size_t i = 0; i < items.size(); ++i) {
      const auto& completion = items[i].completion;
      std::vector<float> logprobs(completion.size()), entropies(completion.size(), 1.0f),
          gradient(completion.size());
      for (size_t t = 0; t < completion.size(); ++t)
        logprobs[t] = simulated_logprob(completion[t], t, checksum);
      loss({i, 0, logprobs, entropies}, gradient);
      world_.checker().gradient(policy_->version(), completion, gradient);
      tokens += items[i].prompt.size() + completion.size();
    }
    const GpuKind& gpu = *world_.node(node_).gpu;
    const double real = static_cast<double>(tokens * world_.scenario().workload.tokens_per_symbol);
    world_.charge(gpu.train_step_s + real * gpu.train_token_us / 1e6);
    const uint64_t version = policy_->version() + 1;
    auto weights = simulated_weights(policy_->config(), version);
    world_.checker().made_weights(version, weights->checksum());
    policy_ = std::make_shared<const model::Policy>(*policy_, std::move(weights), version);
    ++steps_;
    return {1.0, tokens, 0};
  }
  std::shared_ptr<const model::Policy> policy() const override { return policy_; }
  std::span<const float> first_moment() const override { return first_; }
  std::span<const float> second_moment() const override { return second_; }
  uint64_t step_count() const override { return steps_; }
  void restore(std::shared_ptr<const model::Policy> policy, std::span<const float> first,
               std::span<const float> second, uint64_t step_count) override {
    policy_ = std::move(policy);
    first_.assign(first.begin(), first.end());
    second_.assign(second.begin(), second.end());
    steps_ = step_count;
  }
  void gather_items(std::span<std::byte>) override {}
  void broadcast(std::span<std::byte>) override {}

 private:
  World& world_;
  const uint32_t node_;
  std::shared_ptr<const model::Policy> policy_;
  std::vector<float> first_, second_;
  uint64_t steps_ = 0;
};

}  // namespace

float simulated_logprob(int32_t token, size_t position, uint64_t weights_checksum) {
  uint64_t x = weights_checksum ^ (static_cast<uint64_t>(token) << 32 | position);
  x = (x ^ (x >> 31)) * 0x9E3779B97F4A7C15u;
  constexpr float kScale = 0x1.0p-23f;
  return -0.01f - static_cast<float>(x >> 41) * kScale;
}

std::shared_ptr<model::Weights> simulated_weights(const model::ModelConfig& config,
                                                  uint64_t version) {
  auto weights = std::make_shared<model::Weights>(config);
  const auto arena = weights->arena.span();
  for (size_t i = 0; i < arena.size(); ++i)
    arena[i] = static_cast<float>((version * 31 + i) % 1024) / 1024;
  return weights;
}

std::unique_ptr<Decoder> SimEngine::make_decoder(std::shared_ptr<const model::Policy> policy,
                                                 model::GeneratorLimits limits) {
  return std::make_unique<SimDecoder>(world_, node_, std::move(policy), limits);
}

std::unique_ptr<Trainer> SimEngine::make_trainer(std::shared_ptr<const model::Policy> initial,
                                                 const model::AdamWOptions&,
                                                 const model::TrainerLimits&, const TrainerRanks&) {
  return std::make_unique<SimTrainer>(world_, node_, std::move(initial));
}

std::vector<model::ScoreResult> SimEngine::score(const model::Policy& policy,
                                                 std::span<const model::ScoreItem> items) {
  const uint64_t checksum = policy.weights().checksum();
  world_.checker().serves(world_.node(node_).name, policy.version(), checksum);
  std::vector<model::ScoreResult> results;
  uint64_t tokens = 0;
  for (const model::ScoreItem& item : items) {
    model::ScoreResult result;
    for (size_t t = 0; t < item.completion.size(); ++t)
      result.logprobs.push_back(simulated_logprob(item.completion[t], t, checksum));
    result.entropies.assign(item.completion.size(), 1.0f);
    tokens += item.prompt.size() + item.completion.size();
    results.push_back(std::move(result));
  }
  world_.want_memory(node_, "activations");
  const double real = static_cast<double>(tokens * world_.scenario().workload.tokens_per_symbol);
  world_.charge(real * world_.node(node_).gpu->score_token_us / 1e6);
  return results;
}

}  // namespace thespis::sim
