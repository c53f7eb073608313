#pragma once
// One version of the weights, ready to compute with: the flat arena, the packed panels of its
// matrices and the plan of its family. Immutable; sampler, scorer and trainer share it.

#include <cstdint>
#include <memory>

#include "model/engine/weights.hpp"

namespace thespis::model {

class Plan;
class PackedWeights;

class Policy {
 public:
  /// Packs the weights. InputError where the engine cannot run the shapes (it names the field).
  Policy(std::shared_ptr<const Weights> weights, uint64_t version);
  /// Another version of the same model: shares the plan of `previous`. The config must be equal.
  Policy(const Policy& previous, std::shared_ptr<const Weights> weights, uint64_t version);
  ~Policy();
  Policy(const Policy&) = delete;
  Policy& operator=(const Policy&) = delete;

  const Weights& weights() const { return *weights_; }
  std::shared_ptr<const Weights> shared_weights() const { return weights_; }
  const ModelConfig& config() const { return weights_->config; }
  uint64_t version() const { return version_; }

  const Plan& plan() const { return *plan_; }
  std::shared_ptr<const Plan> shared_plan() const { return plan_; }
  const PackedWeights& packed() const { return *packed_; }
  /// The weights of a tensor or a matrix that begins at `offset` of the arena.
  const float* at(uint64_t offset) const { return weights_->arena.data() + offset; }

 private:
  std::shared_ptr<const Weights> weights_;
  uint64_t version_;
  std::shared_ptr<const Plan> plan_;
  std::unique_ptr<const PackedWeights> packed_;
};

}  // namespace thespis::model
