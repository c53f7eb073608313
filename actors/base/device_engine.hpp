#pragma once
// The engine on a card. The card is opened when the first of its actors computes: a node that only
// judges needs none.

#include <map>
#include <mutex>

#include "actors/base/engine.hpp"
#include "gpu/device.hpp"

namespace thespis::model {
class DeviceModel;
class DeviceScorer;
}  // namespace thespis::model

namespace thespis {

class DeviceEngine final : public Engine {
 public:
  /// `name`: "cuda", or "cuda:N" for card N.
  explicit DeviceEngine(const std::string& name);
  ~DeviceEngine() override;
  std::unique_ptr<Decoder> make_decoder(std::shared_ptr<const model::Policy> policy,
                                        model::GeneratorLimits limits) override;
  std::unique_ptr<Trainer> make_trainer(std::shared_ptr<const model::Policy> initial,
                                        const model::AdamWOptions& options,
                                        const model::TrainerLimits& limits,
                                        const TrainerRanks& ranks) override;
  std::vector<model::ScoreResult> score(const model::Policy& policy,
                                        std::span<const model::ScoreItem> items) override;

 private:
  std::shared_ptr<model::DeviceModel> model_of(const model::Policy& policy);

  const uint32_t index_;
  std::mutex mutex_;  // Guards what follows.
  std::shared_ptr<gpu::Device> device_;
  // By plan, which all versions of a model share.
  std::map<const model::Plan*, std::shared_ptr<model::DeviceModel>> models_;
  std::map<const model::Plan*, std::shared_ptr<model::DeviceScorer>> scorers_;
};

}  // namespace thespis
