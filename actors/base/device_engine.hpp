#pragma once
// The engine on cards: learners on as many as there are ranks, from the first; samplers on theirs
// in turn. A card is opened when the first of its actors computes: a node that only judges needs
// none.

#include <atomic>
#include <map>
#include <mutex>
#include <utility>

#include "actors/base/engine.hpp"
#include "gpu/device.hpp"
#include "runtime/config/card_range.hpp"

namespace thespis::model {
class DeviceModel;
class DeviceScorer;
}  // namespace thespis::model

namespace thespis {

class DeviceEngine final : public Engine {
 public:
  explicit DeviceEngine(const config::EngineSection& engine);
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
  std::shared_ptr<model::DeviceModel> model_of(const model::Policy& policy, uint32_t card);

  const uint32_t first_card_;         // Of the learners.
  std::atomic<uint32_t> score_card_;  // Where completions are scored.
  const config::CardRange sampler_cards_;
  std::mutex mutex_;  // Guards what follows.
  uint32_t decoders_made_ = 0;
  std::map<uint32_t, std::shared_ptr<gpu::Device>> cards_;
  // By plan, which all versions of a model share, and card.
  std::map<std::pair<const model::Plan*, uint32_t>, std::shared_ptr<model::DeviceModel>> models_;
  std::map<const model::Plan*, std::shared_ptr<model::DeviceScorer>> scorers_;
};

}  // namespace thespis
