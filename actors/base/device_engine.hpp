#pragma once
// The engine on cards, each of whose memory is planned once. A card is opened when the first of its
// actors computes: a node that only judges needs none.

#include <functional>
#include <map>
#include <mutex>
#include <utility>

#include "actors/base/engine.hpp"
#include "gpu/device.hpp"

namespace thespis::model {
class DeviceModel;
class DeviceScorer;
}  // namespace thespis::model

namespace thespis {

class DeviceEngine final : public Engine {
 public:
  /// `open` gives card `index`.
  using Open = std::function<std::shared_ptr<gpu::Device>(uint32_t index)>;
  DeviceEngine(bool bitwise, CardUses uses, Open open = gpu::open_device);
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
  struct Planned {
    std::shared_ptr<model::DeviceModel> model;
    model::CardPlan card;
    std::shared_ptr<model::DeviceScorer> scorer;  // Made when it is first used.
  };
  /// The parts that serve all versions of a model on a card. InputError where they do not fit.
  Planned& planned(const model::Policy& policy, uint32_t card);

  const bool bitwise_;
  const CardUses uses_;
  const Open open_;
  std::mutex mutex_;  // Guards what follows.
  uint32_t decoders_made_ = 0;
  std::map<uint32_t, std::shared_ptr<gpu::Device>> cards_;
  // By plan, which all versions of a model share, and card.
  std::map<std::pair<const model::Plan*, uint32_t>, Planned> planned_;
};

}  // namespace thespis
