#include "actors/training/card_use.hpp"

#include <set>

#include "actors/learner/learner.hpp"
#include "gpu/device.hpp"
#include "runtime/base/error.hpp"

namespace thespis {
namespace {

/// Versions of the weights that are held where each version comes to as it is made: those that
/// tokens of a batch may be of and the next one, which with max_age = 0 takes the place of the only
/// one; and one that is evaluated.
uint32_t training_versions(const config::Recipe& recipe) {
  const uint32_t age = recipe.train.max_age;
  return (age == 0 ? 1 : age + 2) + (recipe.eval.prompts > 0 ? 1 : 0);
}

CardPlaces places_of(const config::Recipe& recipe, bool learns) {
  const config::TrainSection& train = recipe.train;
  const uint32_t here = train.local_ranks == 0 ? train.ranks : train.local_ranks;
  return CardPlaces::of(recipe.engine, learns ? here : 0, static_cast<model::Zero>(train.zero));
}

/// Without what its samplers and its scorer take.
model::CardUse learning_use(const CardPlaces& places, uint32_t card,
                            const model::TrainerLimits& limits, uint32_t versions) {
  model::CardUse use;
  use.exchanges = places.members() > 1;
  use.versions = places.shares_weights && !places.samples_on(card) ? 0 : versions;
  if (!places.learns_on(card)) return use;
  use.trainer = limits;
  use.rank = card - places.first;
  use.ranks = places.ranks;
  use.zero = places.shares_weights ? model::Zero::kWeights : model::Zero::kOptimizer;
  return use;
}

std::set<uint32_t> cards_of(const CardPlaces& places) {
  std::set<uint32_t> cards{places.scorer()};
  for (uint32_t r = 0; r < places.ranks; ++r) cards.insert(places.first + r);
  for (uint32_t c = places.samplers.first; c <= places.samplers.last; ++c) cards.insert(c);
  return cards;
}

}  // namespace

CardUses card_uses(const config::Recipe& recipe, const Roles& workers, bool learns) {
  CardUses uses;
  if (recipe.engine.device == "cpu") return uses;
  const CardPlaces places = uses.places = places_of(recipe, learns);
  const model::TrainerLimits limits = learner::trainer_limits(recipe);
  const uint32_t length = recipe.rollout.max_prompt_length + recipe.rollout.max_response_length;
  // The learner scores older tokens again, to compare.
  const bool scores = workers.references > 0 || (learns && recipe.train.max_age > 0);
  for (const uint32_t card : cards_of(places)) {
    model::CardUse use;
    if (learns) use = learning_use(places, card, limits, training_versions(recipe));
    use.kv_share = recipe.engine.kv_share;
    use.decoder = {recipe.rollout.slots, length};
    use.decoders = places.decoders_on(card, workers.samplers + (learns ? 1 : 0));
    // Elsewhere than a learner new ones arrive while the former are computed with.
    if (!learns) use.versions = use.decoders > 0 ? 2 : 0;
    if (scores && card == places.scorer()) use.sequence_max = limits.sequence_max;
    if (workers.references > 0 && card == places.scorer()) ++use.versions;
    if (use.trainer || use.versions > 0) uses.cards.emplace(card, use);
  }
  return uses;
}

model::TrainerLimits pretraining_limits(const config::Recipe& recipe) {
  return {.micro_batch_tokens = static_cast<uint32_t>(recipe.train.micro_batch_tokens),
          .lanes = recipe.train.grad_lanes,
          .sequence_max = recipe.pretrain.model.context_length};
}

CardUses pretraining_card_uses(const config::Recipe& recipe) {
  CardUses uses;
  if (recipe.engine.device == "cpu") return uses;
  uses.places = places_of(recipe, true);
  for (const uint32_t card : cards_of(uses.places))
    uses.cards.emplace(card, learning_use(uses.places, card, pretraining_limits(recipe), 1));
  return uses;
}

void require_fits(const config::Recipe& recipe, const model::Plan& plan, const CardUses& uses) {
  for (const auto& [number, use] : uses.cards) {
    const auto card = model::plan_card(plan, use, *gpu::open_device(number));
    if (!card.fits())
      throw InputError("card " + std::to_string(number) + ": " + recipe.model.path + " " +
                       card.refusal(use));
  }
}

}  // namespace thespis
