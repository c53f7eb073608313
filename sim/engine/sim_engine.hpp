#pragma once
// An engine that computes nothing and takes the time that the real one would: lengths, tokens and
// log-probs come from keyed random numbers, weights of a version from its number.
//   SE-1  Tokens and log-probs depend on the job and on the weights that drew them alone, so that
//         sampler, reference and learner agree (SAME-MATH) exactly where the weights are the same.
//   SE-2  Every completion and every set of weights is told to the checkers as truth.

#include "actors/base/engine.hpp"
#include "sim/cluster/world.hpp"

namespace thespis::sim {

class SimEngine final : public Engine {
 public:
  SimEngine(World& world, uint32_t node) : world_(world), node_(node) {}
  std::unique_ptr<Decoder> make_decoder(std::shared_ptr<const model::Policy> policy,
                                        model::GeneratorLimits limits) override;
  std::unique_ptr<Trainer> make_trainer(std::shared_ptr<const model::Policy> initial,
                                        const model::AdamWOptions& options,
                                        const model::TrainerLimits& limits,
                                        const TrainerRanks& ranks) override;
  std::vector<model::ScoreResult> score(const model::Policy& policy,
                                        std::span<const model::ScoreItem> items) override;

 private:
  World& world_;
  const uint32_t node_;
};

/// The log-prob of a token at a position of the completion under a policy's weights.
float simulated_logprob(int32_t token, size_t position, uint64_t weights_checksum);

/// Weights of a version: a function of the number.
std::shared_ptr<model::Weights> simulated_weights(const model::ModelConfig& config,
                                                  uint64_t version);

}  // namespace thespis::sim
