#include "actors/base/card_places.hpp"

#include <algorithm>

namespace thespis {

CardPlaces CardPlaces::of(const config::EngineSection& engine, uint32_t ranks, model::Zero zero) {
  const std::string& samplers =
      engine.sampler_device.empty() ? engine.device : engine.sampler_device;
  return {.first = config::card_range(engine.device)->first,
          .ranks = ranks,
          .shares_weights = ranks > 1 && zero == model::Zero::kWeights,
          .samplers = *config::card_range(samplers)};
}

uint32_t CardPlaces::decoders_on(uint32_t card, uint32_t all) const {
  if (!samples_on(card)) return 0;
  return (all + samplers.last - card) / samplers.size();
}

uint32_t CardPlaces::members() const {
  uint32_t count = ranks;
  for (uint32_t card = samplers.first; card <= samplers.last; ++card) count += !learns_on(card);
  return count;
}

CardUses CardUses::one(const config::EngineSection& engine, const model::CardUse& use) {
  CardUses uses;
  if (engine.device == "cpu") return uses;
  uses.places = CardPlaces::of(engine, 0, model::Zero::kOptimizer);
  uses.cards.emplace(uses.places.first, use);
  return uses;
}

}  // namespace thespis
