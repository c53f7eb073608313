#pragma once
// Which cards of a host do what, and what each is used for, by which its memory is planned:
// learners on as many as there are ranks, from the first; samplers on theirs in turn; completions
// are scored on one that has all of the weights.

#include <cstdint>
#include <map>

#include "model/device/card_plan.hpp"
#include "runtime/config/card_range.hpp"
#include "runtime/config/recipe.hpp"

namespace thespis {

struct CardPlaces {
  uint32_t first = 0;           ///< Of the learners.
  uint32_t ranks = 0;           ///< Of this process; 0: it does not learn.
  bool shares_weights = false;  ///< ZeRO-3: a rank has no more than its shard unless it samples.
  config::CardRange samplers;

  /// Of a section whose device is a card.
  static CardPlaces of(const config::EngineSection& engine, uint32_t ranks, model::Zero zero);

  bool learns_on(uint32_t card) const { return card >= first && card < first + ranks; }
  /// Samplers of a learning process have each version as its ranks make it.
  bool samples_on(uint32_t card) const { return samplers.contains(card); }
  uint32_t of_decoder(uint32_t number) const { return samplers.first + number % samplers.size(); }
  uint32_t decoders_on(uint32_t card, uint32_t all) const;
  uint32_t scorer() const { return shares_weights ? samplers.first : first; }
  /// Cards that exchange each version's weights: ranks, and samplers' beside them.
  uint32_t members() const;
};

struct CardUses {
  CardPlaces places;
  std::map<uint32_t, model::CardUse> cards;

  /// Of a process that does not learn, all of it on the section's first card.
  static CardUses one(const config::EngineSection& engine, const model::CardUse& use);
};

}  // namespace thespis
