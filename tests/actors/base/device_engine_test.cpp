// Goal: an engine on cards makes what a recipe's actors ask it for, on the cards and by the plans
// that card_uses() names, whether they are one card, ranks, or samplers beside them.
// Method: steps, samples and scores of a small model on emulated cards; SAME-MATH between the
// decoder on its card and the trainer, version by version.

#include "actors/base/device_engine.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "actors/learner/learner.hpp"
#include "actors/training/card_use.hpp"
#include "gpu/emulation/cards.hpp"
#include "runtime/base/error.hpp"
#include "tests/model/engine/models.hpp"

using namespace thespis;

namespace {

config::Recipe recipe() {
  config::Recipe r;
  r.engine.device = "cuda";
  r.rollout.max_prompt_length = 30;
  r.rollout.max_response_length = 34;
  r.rollout.slots = 8;
  r.train.micro_batch_tokens = 200;
  r.train.grad_lanes = 1;
  r.train.learning_rate = 1e-2;
  return r;
}

struct Fixture {
  model::ModelConfig config = test::model_config({.vocab = 3000, .head_dim = 32, .tied = false});
  std::shared_ptr<const model::Policy> initial;
  gpu::emulation::Machine machine;
  std::vector<model::TrainItem> items;
  std::vector<std::vector<float>> recorded;

  explicit Fixture(uint64_t memory = uint64_t{16} << 30) : machine(4, {.memory = memory}) {
    config.context_max = 64;
    initial = std::make_shared<const model::Policy>(test::random_weights(config, test::seed()), 0);
  }
  std::unique_ptr<Engine> engine(const config::Recipe& r, const Roles& workers) const {
    return std::make_unique<DeviceEngine>(r.engine.bitwise, card_uses(r, workers, true),
                                          [this](uint32_t card) { return machine.open(card); });
  }

  void sample(Decoder& decoder) {
    for (uint32_t i = 0; i < 8; ++i) {
      model::SequenceRequest request;
      request.id = i;
      request.prompt = {1, static_cast<int32_t>(i), 7, 3};
      request.max_tokens = 20;
      request.random_sample = i;
      decoder.add(request);
      items.push_back({request.prompt, {}, 1});
    }
    std::vector<std::vector<float>> logprobs(items.size());
    const size_t first = items.size() - 8;
    while (decoder.active_count() > 0)
      for (model::FinishedSequence& f : decoder.step()) {
        items[first + f.id].completion = f.tokens;
        logprobs[first + f.id] = f.logprobs;
      }
    for (size_t i = first; i < logprobs.size(); ++i) recorded.push_back(logprobs[i]);
  }
  void train(Trainer& trainer) {
    trainer.step(
        items,
        [&](const model::ScoredTokens& known, std::span<float> g) {
          const std::span<const float> sampled = recorded[known.item];
          CHECK(std::ranges::equal(known.logprobs, sampled.subspan(known.first, g.size())));
          std::fill(g.begin(), g.end(), -0.02f);
        },
        1e-2);
    items.clear();
    recorded.clear();
  }
};

}  // namespace

TEST_CASE(
    "device engine: decoders, trainer and scores agree to the bit, however cards are shared") {
  struct Arrangement {
    const char* sampler_device;
    uint32_t ranks, zero, max_age;
  };
  const auto a = GENERATE(Arrangement{"", 1, 1, 1}, Arrangement{"", 1, 1, 0},
                          Arrangement{"cuda:1-2", 1, 1, 1}, Arrangement{"cuda:0-1", 2, 1, 0},
                          Arrangement{"cuda:2-3", 2, 3, 1}, Arrangement{"cuda:1-2", 2, 3, 0});
  CAPTURE(a.sampler_device, a.ranks, a.zero, a.max_age);
  Fixture f;
  config::Recipe r = recipe();
  r.engine.sampler_device = a.sampler_device;
  r.train.ranks = a.ranks;
  r.train.zero = a.zero;
  r.train.max_age = a.max_age;
  const auto engine = f.engine(r, {.samplers = 1, .references = 1});
  const auto trainer =
      engine->make_trainer(f.initial, {}, learner::trainer_limits(r), ranks_of(r.train));
  const model::GeneratorLimits limits{.slots = 8, .context_max = 64};
  const auto one = engine->make_decoder(f.initial, limits);
  const auto two = engine->make_decoder(f.initial, limits);
  for (int step = 0; step < 4; ++step) {
    if (step > 0) {
      one->install(trainer->policy());
      two->install(trainer->policy());
    }
    f.sample(*one);
    f.sample(*two);
    const model::ScoreItem asked{f.items[0].prompt, f.items[0].completion, 1};
    CHECK(engine->score(*trainer->policy(), {&asked, 1})[0].logprobs == f.recorded[0]);
    CHECK(engine->score(*f.initial, {&asked, 1})[0].logprobs.size() == 20);  // The reference.
    if (a.max_age == 0) {
      one->rest();
      two->rest();
    }
    f.train(*trainer);
  }
  CHECK(trainer->policy()->version() == 4);
}

TEST_CASE("device engine: what does not fit a card is refused, with the card and what would help") {
  Fixture f(uint64_t{600} << 20);
  const config::Recipe r = recipe();
  const auto engine = f.engine(r, {.samplers = 1});
  CHECK_THROWS_WITH(
      engine->make_trainer(f.initial, {}, learner::trainer_limits(r), ranks_of(r.train)),
      Catch::Matchers::StartsWith("card 0: the model does not fit: it takes ") &&
          Catch::Matchers::ContainsSubstring("what helps: more train.ranks"));
}
