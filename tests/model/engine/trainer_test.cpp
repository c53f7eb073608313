// The trainer: AdamW as in its paper (float64 formulas), the same weights for any number of
// threads, resumed state that continues bit for bit, and refusals that change nothing.

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cmath>
#include <cstring>
#include <limits>

#include "model/engine/optimizer.hpp"
#include "runtime/base/error.hpp"
#include "tests/model/engine/models.hpp"
#include "tests/support/seeds.hpp"

using namespace thespis;
using namespace thespis::model;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;
using test::random_items;
using test::same_bits;

namespace {

const LossGradient kCrossEntropy = [](const ScoredTokens&, std::span<float> g) {
  std::fill(g.begin(), g.end(), -0.01f);
};

struct Fixture {
  ModelConfig config = test::model_config({});
  std::shared_ptr<const Policy> policy =
      std::make_shared<const Policy>(test::random_weights(config, test::seed()), 3);
  gpu::ThreadPool pool{1};
  AdamWOptions options{.weight_decay = 0.1};
  TrainerLimits limits{.micro_batch_tokens = 128, .lanes = 4};
};

}  // namespace

TEST_CASE("adamw: three steps follow the float64 formulas") {
  const ModelConfig config = test::model_config({});
  const WeightLayout layout = WeightLayout::of(config);
  const AdamWOptions o{
      .beta1 = 0.8, .beta2 = 0.95, .epsilon = 1e-6, .weight_decay = 0.3, .clip_grad_norm = 2.0};
  Optimizer optimizer(layout, o, Shards::of(layout, 1), 0);
  gpu::ThreadPool pool(2);
  env::KeyedRandom random(test::seed(), env::Purpose::kData, 9);
  const auto initial = test::random_weights(config, test::seed());
  FloatArena weights = initial->arena;
  std::vector<double> w(weights.data(), weights.data() + weights.size()), m(w.size()), v(w.size());
  for (int step = 1; step <= 3; ++step) {
    // Three lanes; only the third step is small enough not to be clipped.
    std::vector<FloatArena> lanes(3, FloatArena(layout.size));
    std::vector<double> g(layout.size, 0.0);
    for (const TensorSpec& t : layout.tensors)
      for (uint64_t i = t.offset; i < t.offset + t.size(); ++i)
        for (FloatArena& lane : lanes) {
          lane.data()[i] = static_cast<float>(random.normal() * (step == 3 ? 1e-3 : 1.0));
          g[i] += double{lane.data()[i]};
        }
    float* pointers[] = {lanes[0].data(), lanes[1].data(), lanes[2].data()};
    const double norm = optimizer.norm(optimizer.reduce(pointers, pool));
    double expected_norm = 0;
    for (const double x : g) expected_norm += x * x;
    expected_norm = std::sqrt(expected_norm);
    CHECK(std::abs(norm - expected_norm) < 1e-5 * expected_norm);
    REQUIRE((norm > 2.0) == (step < 3));
    FloatArena next(layout.size);
    const double rate = 0.01 * step;
    optimizer.update(pointers[0], norm, rate, weights.data(), next.data(), pool);
    for (const TensorSpec& t : layout.tensors) {
      double worst = 0;
      for (uint64_t i = t.offset; i < t.offset + t.size(); ++i) {
        const double gi = g[i] * std::min(1.0, 2.0 / (expected_norm + 1e-6));
        m[i] = o.beta1 * m[i] + (1 - o.beta1) * gi;
        v[i] = o.beta2 * v[i] + (1 - o.beta2) * gi * gi;
        w[i] -= t.decays ? rate * o.weight_decay * w[i] : 0.0;
        w[i] -= rate * (m[i] / (1 - std::pow(o.beta1, step))) /
                (std::sqrt(v[i] / (1 - std::pow(o.beta2, step))) + o.epsilon);
        worst = std::max(worst, std::abs(w[i] - double{next.data()[i]}));
      }
      CAPTURE(t.name, step);
      CHECK(worst <
            1e-6);  // Weights are of size 1, steps of size 0.01: a few roundings of float32.
    }
    weights = next;
  }
  CHECK(optimizer.step_count() == 3);
}

TEST_CASE("trainer: the weights do not depend on the number of threads") {
  Fixture f;
  std::vector<std::shared_ptr<const Policy>> results;
  for (const unsigned threads : {1u, 2u, 3u}) {
    gpu::ThreadPool pool(threads);
    Trainer trainer(f.policy, f.options, f.limits, pool);
    for (uint64_t step = 0; step < 3; ++step) {
      const auto stats =
          trainer.step(random_items(step, 25, f.config.vocab_size), kCrossEntropy, 1e-2);
      CHECK(stats.grad_norm > 0);
      CHECK(stats.tokens > 400);
    }
    CHECK(trainer.policy()->version() == 6);
    CHECK(trainer.step_count() == 3);
    results.push_back(trainer.policy());
  }
  CHECK_FALSE(same_bits(results[0]->weights().arena.span(), f.policy->weights().arena.span()));
  for (const auto& r : results)
    CHECK(same_bits(r->weights().arena.span(), results[0]->weights().arena.span()));
}

TEST_CASE("trainer: a restored trainer goes on bit for bit") {
  Fixture f;
  Trainer whole(f.policy, f.options, f.limits, f.pool);
  Trainer resumed(f.policy, f.options, f.limits, f.pool);
  whole.step(random_items(0, 9, f.config.vocab_size), kCrossEntropy, 1e-2);
  const auto weights = std::make_shared<const Weights>(whole.policy()->weights());
  resumed.restore(std::make_shared<const Policy>(weights, whole.policy()->version()),
                  whole.first_moment(), whole.second_moment(), whole.step_count());
  for (Trainer* t : {&whole, &resumed})
    t->step(random_items(1, 9, f.config.vocab_size), kCrossEntropy, 1e-2);
  CHECK(resumed.policy()->version() == whole.policy()->version());
  CHECK(
      same_bits(resumed.policy()->weights().arena.span(), whole.policy()->weights().arena.span()));
  CHECK(same_bits(resumed.second_moment(), whole.second_moment()));
  CHECK_THROWS_AS(
      resumed.restore(f.policy, whole.first_moment().first(8), whole.second_moment(), 1),
      InputError);
}

TEST_CASE("trainer: training lowers the loss of a batch") {
  Fixture f;
  Trainer trainer(f.policy, {}, f.limits, f.pool);
  const auto items = random_items(0, 6, f.config.vocab_size);
  const auto total = [&] {
    double sum = 0;
    trainer.step(
        items,
        [&](const ScoredTokens& known, std::span<float> g) {
          for (size_t p = 0; p < g.size(); ++p) {
            sum += double{known.logprobs[p]};
            g[p] = -0.01f;
          }
          CHECK(g.size() == items[known.item].completion.size());
        },
        3e-3);
    return sum;
  };
  const double before = total();
  for (int i = 0; i < 40; ++i) total();
  CHECK(total() > 0.5 * before);
}

TEST_CASE("trainer: a step that is refused changes nothing") {
  Fixture f;
  Trainer trainer(f.policy, f.options, f.limits, f.pool);
  trainer.step(random_items(0, 9, f.config.vocab_size), kCrossEntropy, 1e-2);
  const auto policy = trainer.policy();
  const std::vector<float> m(trainer.first_moment().begin(), trainer.first_moment().end());
  const auto items = random_items(1, 9, f.config.vocab_size);

  SECTION("the loss gradient is not finite") {
    const LossGradient loss = [](const ScoredTokens& known, std::span<float> g) {
      for (float& x : g) x = known.item >= 4 ? std::numeric_limits<float>::quiet_NaN() : 0.1f;
    };
    CHECK_THROWS_MATCHES(
        trainer.step(items, loss, 1e-2), Error,
        MessageMatches(ContainsSubstring("item 4") || ContainsSubstring("item 5")));
  }
  SECTION("a gradient overflows: the tensor is named") {
    const LossGradient loss = [](const ScoredTokens&, std::span<float> g) {
      for (float& x : g) x = 3e38f;
    };
    CHECK_THROWS_MATCHES(trainer.step(items, loss, 1e-2), Error,
                         MessageMatches(ContainsSubstring("model.embed_tokens.weight")));
  }
  SECTION("a token outside the vocabulary") {
    auto bad = items;
    bad[2].completion.push_back(37);
    CHECK_THROWS_AS(trainer.step(bad, kCrossEntropy, 1e-2), InputError);
  }
  SECTION("an empty prompt, a sequence beyond the context, a learning rate") {
    auto bad = items;
    bad[2].prompt.clear();
    CHECK_THROWS_AS(trainer.step(bad, kCrossEntropy, 1e-2), InputError);
    bad = items;
    bad[2].completion.resize(256, 1);
    CHECK_THROWS_AS(trainer.step(bad, kCrossEntropy, 1e-2), InputError);
    CHECK_THROWS_AS(trainer.step(items, kCrossEntropy, -1.0), InputError);
  }
  CHECK(trainer.policy() == policy);
  CHECK(trainer.step_count() == 1);
  CHECK(same_bits(trainer.first_moment(), m));
}

TEST_CASE("trainer: items without a completion carry no loss") {
  Fixture f;
  Trainer trainer(f.policy, {.weight_decay = 0.0}, f.limits, f.pool);
  int calls = 0;
  const std::vector<TrainItem> items{{{1, 2}, {}, 1.0f}, {{4}, {}, 0.0f}};
  const auto stats = trainer.step(
      items, [&](const ScoredTokens&, std::span<float>) { ++calls; }, 1e-2);
  CHECK(calls == 0);
  CHECK(stats.grad_norm == 0);
  CHECK(same_bits(trainer.policy()->weights().arena.span(), f.policy->weights().arena.span()));
}
