#include "actors/base/device_engine.hpp"

#include <algorithm>
#include <string>

#include "actors/base/engine_of.hpp"
#include "model/device/cards_trainer.hpp"
#include "model/device/device_generator.hpp"
#include "model/device/device_scorer.hpp"
#include "model/device/device_trainer.hpp"
#include "runtime/base/assert.hpp"
#include "runtime/base/error.hpp"

namespace thespis {

DeviceEngine::DeviceEngine(bool bitwise, CardUses uses, Open open)
    : bitwise_(bitwise), uses_(std::move(uses)), open_(std::move(open)) {}

DeviceEngine::~DeviceEngine() = default;

DeviceEngine::Planned& DeviceEngine::planned(const model::Policy& policy, uint32_t card) {
  const std::lock_guard lock(mutex_);
  auto& device = cards_[card];
  if (device == nullptr) {
    device = open_(card);
    if (!bitwise_) device->take_any_products();
  }
  Planned& planned = planned_[{&policy.plan(), card}];
  if (planned.model != nullptr) return planned;
  const model::CardUse& use = uses_.cards.at(card);
  planned.card = model::plan_card(policy.plan(), use, *device);
  if (!planned.card.fits())
    throw InputError("card " + std::to_string(card) + ": the model " + planned.card.refusal(use));
  device->note_plan(planned.card.summary());
  planned.model = model::DeviceModel::make(device, policy.shared_plan());
  return planned;
}

std::unique_ptr<Decoder> DeviceEngine::make_decoder(std::shared_ptr<const model::Policy> policy,
                                                    model::GeneratorLimits limits) {
  uint32_t card = 0;
  {
    const std::lock_guard lock(mutex_);
    card = uses_.places.of_decoder(decoders_made_++);
  }
  const Planned& p = planned(*policy, card);
  THESPIS_ASSERT(limits == uses_.cards.at(card).decoder);
  return std::make_unique<DecoderOf<model::DeviceGenerator>>(p.model, std::move(policy), limits,
                                                             p.card.pages);
}

std::unique_ptr<Trainer> DeviceEngine::make_trainer(std::shared_ptr<const model::Policy> initial,
                                                    const model::AdamWOptions& options,
                                                    const model::TrainerLimits& limits,
                                                    const TrainerRanks& ranks) {
  const auto count = static_cast<uint32_t>(ranks.here.size());
  if (ranks.here[0]->size() > count)
    throw InputError("train.local_ranks = " + std::to_string(count) +
                     ": must be all of train.ranks where engine.device is a card");
  const CardPlaces& places = uses_.places;
  THESPIS_ASSERT(count == places.ranks && limits == uses_.cards.at(places.first).trainer);
  model::Cards cards;
  for (uint32_t card = places.first; card < places.first + count; ++card) {
    const Planned& p = planned(*initial, card);
    cards.ranks.push_back(p.model);
    cards.ranks_sample.push_back(places.samples_on(card));
    cards.recomputed_layers = std::max(cards.recomputed_layers, p.card.recomputed_layers);
  }
  for (uint32_t card = places.samplers.first; card <= places.samplers.last; ++card)
    if (!places.learns_on(card)) cards.samplers.push_back(planned(*initial, card).model);
  if (places.members() == 1) {
    model::TrainerLimits one_lane = limits;
    one_lane.lanes = 1;
    return std::make_unique<TrainerOf<model::DeviceTrainer>>(
        cards.ranks[0], std::move(initial), options, one_lane, ranks.zero, model::DeviceGroup{},
        cards.recomputed_layers);
  }
  return std::make_unique<TrainerOf<model::CardsTrainer>>(std::move(cards), std::move(initial),
                                                          options, limits, ranks.zero, ranks.here,
                                                          ranks.deadline);
}

std::vector<model::ScoreResult> DeviceEngine::score(const model::Policy& policy,
                                                    std::span<const model::ScoreItem> items) {
  const uint32_t card = uses_.places.scorer();
  Planned& p = planned(policy, card);
  const uint32_t sequence_max = uses_.cards.at(card).sequence_max;
  THESPIS_ASSERT(sequence_max > 0);
  std::shared_ptr<model::DeviceScorer> scorer;
  {
    const std::lock_guard lock(mutex_);
    if (p.scorer == nullptr)
      p.scorer = std::make_shared<model::DeviceScorer>(p.model, sequence_max);
    scorer = p.scorer;
  }
  return scorer->score(policy, items);
}

}  // namespace thespis
