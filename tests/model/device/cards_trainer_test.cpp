// Several cards as one trainer: the bits of one card that adds up as many lanes; cards that sample
// get the same weights; a step that fails on one rank fails on all and changes nothing.

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <map>

#include "model/device/cards_trainer.hpp"
#include "model/device/device_scorer.hpp"
#include "model/device/device_trainer.hpp"
#include "runtime/collective/thread_group.hpp"
#include "tests/model/engine/models.hpp"
#include "tests/support/card.hpp"
#include "tests/support/seeds.hpp"

using namespace thespis;
using namespace thespis::model;

namespace {

constexpr uint32_t kSteps = 3, kTokens = 300;  // Of a micro-batch.
constexpr double kLearningRate = 1e-2;

const LossGradient kCrossEntropy = [](const ScoredTokens&, std::span<float> g) {
  std::fill(g.begin(), g.end(), -0.01f);
};

template <class A, class B>
void require_same_state(const A& a, const B& b) {
  CHECK(a.step_count() == b.step_count());
  CHECK(a.policy()->version() == b.policy()->version());
  CHECK(weights_sha256(a.policy()->weights()) == weights_sha256(b.policy()->weights()));
  CHECK(test::same_bits(a.first_moment(), b.first_moment()));
  CHECK(test::same_bits(a.second_moment(), b.second_moment()));
}

struct Fixture {
  env::KeyedRandom random{test::seed(), env::Purpose::kData, 70};
  ModelConfig config;
  std::shared_ptr<const Policy> initial;
  std::map<std::shared_ptr<gpu::Device>, std::shared_ptr<DeviceModel>> models;

  void make(size_t family) {
    config = test::model_config(test::family_shapes()[family]);
    config.head_dim = 32;
    config.vocab_size = 3000;  // The embedding is cut between the ranks.
    config.context_max = 512;
    initial = std::make_shared<const Policy>(test::random_weights(config, test::seed()), 1);
  }
  std::shared_ptr<DeviceModel> model_on(const std::shared_ptr<gpu::Device>& device) {
    std::shared_ptr<DeviceModel>& model = models[device];
    if (model == nullptr) model = DeviceModel::make(device, initial->shared_plan());
    return model;
  }
  static std::unique_ptr<CardsTrainer> trainer(Cards cards, std::shared_ptr<const Policy> from,
                                               AdamWOptions options, uint32_t tokens,
                                               Zero zero = Zero::kOptimizer) {
    const collective::ThreadGroup group(static_cast<uint32_t>(cards.ranks.size()), {});
    CardsTrainer::Hosts hosts;
    for (uint32_t r = 0; r < cards.ranks.size(); ++r) hosts.push_back(group.rank(r));
    return std::make_unique<CardsTrainer>(std::move(cards), std::move(from), options,
                                          TrainerLimits{tokens, 1}, zero, hosts,
                                          std::chrono::seconds(60));
  }
  std::vector<TrainItem> items(uint32_t count) {
    std::vector<TrainItem> all;
    for (uint32_t i = 0; i < count; ++i)
      all.push_back({test::random_tokens(random, 1 + random.below(40), config.vocab_size),
                     test::random_tokens(random, 1 + random.below(60), config.vocab_size), 1});
    return all;
  }

  std::vector<std::vector<float>> scores_of(const std::shared_ptr<gpu::Device>& card,
                                            const Policy& policy,
                                            const std::vector<ScoreItem>& asked) {
    std::vector<std::vector<float>> logprobs;
    for (const ScoreResult& r : DeviceScorer(model_on(card)).score(policy, asked))
      logprobs.push_back(r.logprobs);
    return logprobs;
  }
  /// The first cards are ranks, the others only sample. With ZeRO-3 the first rank does not.
  void require_same_steps(const std::vector<std::shared_ptr<gpu::Device>>& cards, uint32_t ranks,
                          uint32_t count, Zero zero) {
    const TrainerLimits limits{.micro_batch_tokens = kTokens, .lanes = ranks};
    DeviceTrainer one(model_on(cards[0]), initial, {.weight_decay = 0.1}, limits, zero);
    Cards members;
    for (size_t i = 0; i < cards.size(); ++i)
      (i < ranks ? members.ranks : members.samplers).push_back(model_on(cards[i]));
    members.ranks_sample.assign(ranks, true);
    members.ranks_sample[0] = false;
    const auto group = trainer(std::move(members), initial, {.weight_decay = 0.1}, kTokens, zero);
    CardsTrainer& all = *group;
    const auto step = [&] {
      const auto batch = items(count);
      const auto a = one.step(batch, kCrossEntropy, kLearningRate);
      const auto b = all.step(batch, kCrossEntropy, kLearningRate);
      CHECK(a.grad_norm == b.grad_norm);
      CHECK(a.tokens == b.tokens);
    };
    for (uint32_t s = 0; s < kSteps; ++s) step();
    require_same_state(one, all);
    // Whoever samples has the same weights.
    const auto held_out = items(20);
    std::vector<ScoreItem> asked;
    for (const TrainItem& item : held_out) asked.push_back({item.prompt, item.completion, 1});
    const auto expected = scores_of(cards[0], *one.policy(), asked);
    for (size_t i = 1; i < cards.size(); ++i)
      CHECK(scores_of(cards[i], *all.policy(), asked) == expected);

    // Restored in the other arrangement, both go on alike.
    const auto policy = std::make_shared<const Policy>(one.policy()->shared_weights(), 9);
    const auto moment = [](std::span<const float> m) {
      return std::vector<float>(m.begin(), m.end());
    };
    const auto m = moment(one.first_moment()), v = moment(one.second_moment());
    one.restore(policy, m, v, kSteps);
    all.restore(policy, m, v, kSteps);
    step();
    require_same_state(one, all);
  }
};

}  // namespace

TEST_CASE_METHOD(Fixture,
                 "cards: two ranks take the steps of one card with two lanes, to the bit") {
  const size_t family = test::kSlow ? 2 : GENERATE(range(size_t{0}, size_t{4}));
  // Enough for many micro-batches; one each; one alone, so that a rank has none.
  const uint32_t count = GENERATE(40u, 2u, 1u);
  const auto cards =
      test::cards(2, count > 2 ? test::every_order() : std::vector{test::Order::kRandom});
  const Zero zero = GENERATE(Zero::kOptimizer, Zero::kWeights);
  CAPTURE(family, count, zero, test::seed());
  make(family);
  require_same_steps(cards, 2, count, zero);
}

TEST_CASE_METHOD(Fixture, "cards: so do three and four ranks, and cards that only sample") {
  const uint32_t ranks = GENERATE(3u, 4u), samplers = test::kSlow ? 2 : GENERATE(0u, 2u);
  const auto cards = test::cards(ranks + samplers, test::every_order());
  const Zero zero = GENERATE(Zero::kOptimizer, Zero::kWeights);
  CAPTURE(ranks, samplers, zero, test::seed());
  make(2);
  require_same_steps(cards, ranks, 11, zero);
}

TEST_CASE_METHOD(Fixture, "cards: a rank whose micro-batch scores nothing walks with the others") {
  const auto cards = test::cards(4, test::every_order());
  const Zero zero = GENERATE(Zero::kOptimizer, Zero::kWeights);
  make(0);
  // Three that fill a micro-batch each; the fourth's item has no completion.
  std::vector<TrainItem> batch;
  for (int i = 0; i < 3; ++i)
    batch.push_back({test::random_tokens(random, 10, config.vocab_size),
                     test::random_tokens(random, 280, config.vocab_size), 1});
  batch.push_back({{1, 2}, {}, 1});
  DeviceTrainer one(model_on(cards[0]), initial, {}, {.micro_batch_tokens = kTokens, .lanes = 4},
                    zero);
  Cards members;
  for (const auto& card : cards) members.ranks.push_back(model_on(card));
  members.ranks_sample.assign(4, false);
  const auto group = trainer(std::move(members), initial, {}, kTokens, zero);
  one.step(batch, kCrossEntropy, kLearningRate);
  group->step(batch, kCrossEntropy, kLearningRate);
  require_same_state(one, *group);
}

TEST_CASE_METHOD(Fixture, "cards: one that samples gets each version's weights, to the bit") {
  const auto cards = test::cards(2, test::every_order());
  make(0);
  const auto learns = model_on(cards[0]), samples = model_on(cards[1]);
  const auto group = trainer({{learns}, {samples}}, initial, {}, kTokens);
  for (uint32_t s = 0; s < kSteps; ++s) {
    group->step(items(20), kCrossEntropy, kLearningRate);
    std::vector<ScoreItem> asked;
    const auto held_out = items(20);
    for (const TrainItem& item : held_out) asked.push_back({item.prompt, item.completion, 1});
    const auto here = DeviceScorer(learns).score(*group->policy(), asked);
    const auto there = DeviceScorer(samples).score(*group->policy(), asked);
    for (size_t i = 0; i < asked.size(); ++i) CHECK(here[i].logprobs == there[i].logprobs);
  }
}

TEST_CASE_METHOD(Fixture, "cards: what fails on one rank fails on all and changes nothing") {
  const auto cards = test::cards(2, test::every_order());
  const Zero zero = GENERATE(Zero::kOptimizer, Zero::kWeights);
  make(0);
  const TrainerLimits limits{.micro_batch_tokens = kTokens, .lanes = 2};
  const auto group = trainer({{model_on(cards[0]), model_on(cards[1])}, {}, {true, true}}, initial,
                             {}, kTokens, zero);
  CardsTrainer& two = *group;
  DeviceTrainer one(model_on(cards[0]), initial, {}, limits, zero);
  const auto batch = items(20);
  const LossGradient broken = [](const ScoredTokens& known, std::span<float> g) {
    std::fill(g.begin(), g.end(), known.item == 13 ? NAN : -0.01f);
  };
  CHECK_THROWS_WITH(two.step(batch, broken, kLearningRate),
                    "training: item 13: the loss gradient of token 0 is not finite; the step was "
                    "not taken");
  two.step(batch, kCrossEntropy, kLearningRate);
  one.step(batch, kCrossEntropy, kLearningRate);
  require_same_state(one, two);
}

TEST_CASE_METHOD(Fixture, "cards: weights that are no numbers are told, not waited for") {
  const auto cards = test::cards(2, {test::Order::kLate});
  const Zero zero = GENERATE(Zero::kOptimizer, Zero::kWeights);
  make(2);  // Untied: the token below spoils its own item alone.
  constexpr int32_t kRare = 5;
  auto weights = std::make_shared<Weights>(initial->weights());
  const TensorSpec& embedding = weights->layout.tensors.at(0);
  weights->arena.span()[embedding.offset + kRare * config.hidden_size] = NAN;
  const auto spoiled = std::make_shared<const Policy>(std::move(weights), 1);
  auto batch = items(20);
  for (TrainItem& item : batch)
    for (auto* tokens : {&item.prompt, &item.completion})
      for (int32_t& token : *tokens) token += token == kRare ? 1 : 0;
  batch[13].prompt.front() = kRare;
  const auto group = trainer({{model_on(cards[0]), model_on(cards[1])}, {}, {true, true}}, spoiled,
                             {}, kTokens, zero);
  CHECK_THROWS_WITH(
      group->step(batch, kCrossEntropy, kLearningRate),
      "training: item 13: the log-prob of token 0 is not finite; the step was not taken");
}

TEST_CASE_METHOD(Fixture, "cards: a single card is a group of one") {
  const auto card = test::card(test::every_order());
  make(1);
  const TrainerLimits limits{.micro_batch_tokens = kTokens, .lanes = 1};
  DeviceTrainer one(model_on(card), initial, {}, limits);
  const auto group = trainer({{model_on(card)}, {}}, initial, {}, kTokens);
  const auto batch = items(30);
  one.step(batch, kCrossEntropy, kLearningRate);
  group->step(batch, kCrossEntropy, kLearningRate);
  require_same_state(one, *group);
}

TEST_CASE_METHOD(Fixture, "cards: weights are updated in place where nobody else has them") {
  const auto cards = test::cards(3, test::every_order());
  const Zero zero = GENERATE(Zero::kOptimizer, Zero::kWeights);
  CAPTURE(zero);
  make(0);
  std::vector<std::shared_ptr<DeviceModel>> all;
  for (const auto& card : cards) all.push_back(model_on(card));
  const auto group =
      trainer({{all[0], all[1]}, {all[2]}, {true, true}}, initial, {}, kTokens, zero);
  const auto places = [&] {
    std::vector<const gpu::Bf16*> at;
    for (const auto& model : all) at.push_back(model->weights_of(*group->policy())->at(0));
    return at;
  };
  const auto batch = items(20);
  group->step(batch, kCrossEntropy, kLearningRate);
  const auto first = places();
  group->step(batch, kCrossEntropy, kLearningRate);
  CHECK(places() == first);
  // Whoever has a version keeps it, on every card.
  const auto held = group->policy();
  const ScoreItem asked{batch[0].prompt, batch[0].completion, 1};
  const auto score = [&](const Policy& policy) {
    std::vector<std::vector<float>> scores;
    for (const auto& model : all)
      scores.push_back(DeviceScorer(model).score(policy, {&asked, 1})[0].logprobs);
    return scores;
  };
  const auto before = score(*held);
  group->step(batch, kCrossEntropy, kLearningRate);
  const auto next = places();
  for (size_t i = 0; i < all.size(); ++i) CHECK(next[i] != first[i]);
  CHECK(score(*held) == before);
  CHECK(score(*group->policy()) != before);
}
