// Goal: what a recipe's cards are used for is where the engine puts its learners, samplers and
// scores, and each holds as many versions of the weights as somebody may ask for.
// Method: recipes of one card, of ranks, of samplers beside them and among them, by hand.

#include "actors/training/card_use.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace thespis;

namespace {

config::Recipe recipe() {
  config::Recipe r;
  r.engine.device = "cuda";
  r.rollout.max_prompt_length = 100;
  r.rollout.max_response_length = 400;
  r.rollout.slots = 64;
  r.train.micro_batch_tokens = 4096;
  r.train.max_age = 1;
  return r;
}

}  // namespace

TEST_CASE("card use: all of a training on one card") {
  config::Recipe r = recipe();
  const CardUses uses = card_uses(r, {.samplers = 2, .references = 1}, true);
  REQUIRE(uses.cards.size() == 1);
  const model::CardUse& use = uses.cards.at(0);
  REQUIRE(use.trainer);
  CHECK(use.trainer->micro_batch_tokens == 4096);
  CHECK(use.trainer->sequence_max == 499);
  CHECK(use.decoders == 3);  // One for evaluations.
  CHECK(use.decoder == model::GeneratorLimits{.slots = 64, .context_max = 500});
  CHECK(use.sequence_max == 499);
  CHECK(use.versions == 5);  // Two ages, the next one, an evaluated one, the reference.
  CHECK_FALSE(use.exchanges);
  r.train.max_age = 0;
  CHECK(card_uses(r, {.samplers = 2}, true).cards.at(0).versions == 2);
  CHECK(card_uses(r, {.samplers = 2}, true).cards.at(0).sequence_max == 0);
  r.engine.device = "cpu";
  CHECK(card_uses(r, {.samplers = 2}, true).cards.empty());
}

TEST_CASE("card use: ranks that share the weights, samplers beside them") {
  config::Recipe r = recipe();
  r.engine.device = "cuda:2";
  r.engine.sampler_device = "cuda:6-7";
  r.train.ranks = 4;
  r.train.zero = 3;
  const CardUses uses = card_uses(r, {.samplers = 2, .references = 1}, true);
  REQUIRE(uses.cards.size() == 6);
  for (uint32_t card = 2; card < 6; ++card) {
    const model::CardUse& use = uses.cards.at(card);
    CHECK(use.shares_weights());
    CHECK(use.rank == card - 2);
    CHECK(use.ranks == 4);
    CHECK(use.versions == 0);
    CHECK(use.decoders == 0);
    CHECK(use.sequence_max == 0);
    CHECK(use.exchanges);
  }
  CHECK(uses.cards.at(6).decoders == 2);
  CHECK(uses.cards.at(7).decoders == 1);
  CHECK(uses.cards.at(6).sequence_max == 499);
  CHECK(uses.cards.at(7).sequence_max == 0);
  CHECK(uses.cards.at(6).versions == 5);
  CHECK(uses.cards.at(7).versions == 4);
  CHECK_FALSE(uses.cards.at(6).trainer);
  // What is drawn goes to the cards in turn, as many as were counted.
  std::map<uint32_t, uint32_t> drawn;
  for (uint32_t d = 0; d < 3; ++d) ++drawn[uses.places.of_decoder(d)];
  for (const auto& [card, use] : uses.cards) CHECK(drawn[card] == use.decoders);
}

TEST_CASE("card use: samplers on some of the ranks' cards") {
  config::Recipe r = recipe();
  r.engine.sampler_device = "cuda:1-2";
  r.train.ranks = 2;
  for (const uint32_t zero : {1u, 3u}) {
    r.train.zero = zero;
    CAPTURE(zero);
    const CardUses uses = card_uses(r, {.samplers = 1}, true);
    REQUIRE(uses.cards.size() == 3);
    CHECK(uses.places.members() == 3);
    CHECK(uses.places.scorer() == (zero == 3 ? 1u : 0u));
    CHECK(uses.cards.at(0).versions == (zero == 3 ? 0u : 4u));
    CHECK(uses.cards.at(1).versions == 4);
    CHECK(uses.cards.at(1).trainer);
    CHECK(uses.cards.at(1).decoders == 1);
    CHECK_FALSE(uses.cards.at(2).trainer);
    CHECK(uses.cards.at(2).exchanges);
  }
}

TEST_CASE("card use: a node that samples, and one that has nothing to compute") {
  const config::Recipe r = recipe();
  const CardUses samples = card_uses(r, {.samplers = 1}, false);
  REQUIRE(samples.cards.size() == 1);
  CHECK(samples.cards.at(0).versions == 2);
  CHECK_FALSE(samples.cards.at(0).trainer);
  CHECK_FALSE(samples.cards.at(0).exchanges);
  CHECK(card_uses(r, {.rewards = 3}, false).cards.empty());
  CHECK(card_uses(r, {.references = 1}, false).cards.at(0).versions == 1);
  CHECK(pretraining_card_uses(r).cards.at(0).trainer);
}
