// Log-probs, entropies and gradients of whole models against an independent float64 model: forward
// within float32 rounding, backward against central differences of the float64 loss, for every
// tensor.

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators_range.hpp>

#include "model/engine/executor.hpp"
#include "model/engine/packed_weights.hpp"
#include "model/engine/scorer.hpp"
#include "tests/model/engine/models.hpp"
#include "tests/model/engine/reference_model.hpp"
#include "tests/support/seeds.hpp"

using namespace thespis;
using namespace thespis::model;

namespace {

struct Sample {
  std::vector<int32_t> prompt, completion;
  float temperature;
  std::vector<float> dlogprobs;
};

std::vector<Sample> random_samples(env::KeyedRandom& random, uint32_t vocab) {
  std::vector<Sample> samples;
  for (const auto& [prompt, completion] :
       {std::pair{1u, 1u}, {3u, 20u}, {18u, 15u}, {5u, 0u}, {16u, 30u}}) {
    Sample s;
    s.prompt = test::random_tokens(random, prompt, vocab);
    s.completion = test::random_tokens(random, completion, vocab);
    s.temperature = 0.6f + static_cast<float>(random.uniform());
    for (uint32_t i = 0; i < completion; ++i)
      s.dlogprobs.push_back(static_cast<float>(random.normal()));
    samples.push_back(s);
  }
  return samples;
}

std::vector<int32_t> joined(const Sample& s) {
  std::vector<int32_t> tokens = s.prompt;
  tokens.insert(tokens.end(), s.completion.begin(), s.completion.end());
  return tokens;
}

double reference_loss(const test::ReferenceModel& model, const std::vector<Sample>& samples) {
  double loss = 0;
  for (const Sample& s : samples) {
    const auto r = model.score(joined(s), s.prompt.size(), double{s.temperature});
    for (size_t i = 0; i < s.completion.size(); ++i) loss += double{s.dlogprobs[i]} * r.logprobs[i];
  }
  return loss;
}

}  // namespace

TEST_CASE("engine: log-probs and entropies are those of a float64 model") {
  const test::ModelShape shape = test::family_shapes()[GENERATE(range(0u, 4u))];
  const ModelConfig config = test::model_config(shape);
  CAPTURE(test::seed(), config.hidden_size);
  gpu::ThreadPool pool(1);
  const auto weights = test::random_weights(config, test::seed());
  const Policy policy(weights, 0);
  const test::ReferenceModel reference(
      config, {weights->arena.data(), weights->arena.data() + weights->arena.size()});
  env::KeyedRandom random(test::seed(), env::Purpose::kData, 1);
  const auto samples = random_samples(random, config.vocab_size);
  std::vector<ScoreItem> items;
  for (const Sample& s : samples) items.push_back({s.prompt, s.completion, s.temperature});
  const auto scores = score(policy, items, pool);
  REQUIRE(scores.size() == samples.size());
  for (size_t i = 0; i < samples.size(); ++i) {
    const auto r = reference.score(joined(samples[i]), samples[i].prompt.size(),
                                   double{samples[i].temperature});
    REQUIRE(scores[i].logprobs.size() == r.logprobs.size());
    REQUIRE(scores[i].entropies.size() == r.entropies.size());
    // A few hundred float32 roundings of values up to about 10.
    for (size_t p = 0; p < r.logprobs.size(); ++p) {
      CHECK(std::abs(double{scores[i].logprobs[p]} - r.logprobs[p]) < 5e-5);
      CHECK(std::abs(double{scores[i].entropies[p]} - r.entropies[p]) < 5e-5);
    }
  }
}

TEST_CASE("engine: gradients are the slopes of a float64 model") {
  const test::ModelShape shape = test::family_shapes()[GENERATE(range(0u, 4u))];
  const ModelConfig config = test::model_config(shape);
  CAPTURE(test::seed(), config.hidden_size);
  const auto weights = test::random_weights(config, test::seed());
  const Policy policy(weights, 0);
  env::KeyedRandom random(test::seed(), env::Purpose::kData, 2);
  const auto samples = random_samples(random, config.vocab_size);

  WholeSequences sequences;
  std::vector<float> dlogprobs;
  for (const Sample& s : samples) {
    sequences.add({s.prompt, s.completion, s.temperature});
    dlogprobs.insert(dlogprobs.end(), s.dlogprobs.begin(), s.dlogprobs.end());
  }
  Executor executor(policy.shared_plan(), Executor::Purpose::kTraining);
  policy.packed().prepare_backward();
  std::vector<float> gradient(weights->layout.size, 0.0f);
  executor.forward(policy, sequences);
  executor.backward(policy, dlogprobs, gradient.data());

  test::ReferenceModel reference(
      config, {weights->arena.data(), weights->arena.data() + weights->arena.size()});
  for (const TensorSpec& t : weights->layout.tensors) {
    CAPTURE(t.name);
    double norm = 0;
    for (uint64_t i = 0; i < t.size(); ++i)
      norm += double{gradient[t.offset + i]} * double{gradient[t.offset + i]};
    norm = std::sqrt(norm);
    CHECK(norm > 1e-3);
    // A random direction over the whole tensor: no element can be wrong unseen.
    std::vector<double> direction(t.size());
    double expected = 0;
    for (uint64_t i = 0; i < t.size(); ++i) {
      direction[i] = random.normal();
      expected += direction[i] * double{gradient[t.offset + i]};
    }
    constexpr double kStep = 1e-6;
    const auto shifted = [&](double by) {
      std::vector<double>& arena = reference.arena();
      const std::vector<double> before = arena;
      for (uint64_t i = 0; i < t.size(); ++i) arena[t.offset + i] += by * direction[i];
      const double loss = reference_loss(reference, samples);
      arena = before;
      return loss;
    };
    const double slope = (shifted(kStep) - shifted(-kStep)) / (2 * kStep);
    // The slope's size is about the gradient's norm; float32 backward keeps five digits of it.
    CHECK(std::abs(slope - expected) < 1e-4 * norm);
  }
}

TEST_CASE("engine: a batch of many blocks gives the bits of its sequences one by one") {
  // Every sum over rows runs in order of rows, so whole batches and single sequences agree exactly
  // (with a head of its own: a tied table would get its two kinds of gradient in another order).
  const ModelConfig config = test::model_config(test::family_shapes()[2]);
  const Policy policy(test::random_weights(config, test::seed()), 0);
  policy.packed().prepare_backward();
  env::KeyedRandom random(test::seed(), env::Purpose::kData, 3);
  CAPTURE(test::seed());
  std::vector<Sample> samples;
  for (int i = 0; i < 14; ++i) {
    Sample s{test::random_tokens(random, 1 + random.below(90), config.vocab_size),
             test::random_tokens(random, 1 + random.below(120), config.vocab_size),
             1.0f,
             {}};
    for (size_t t = 0; t < s.completion.size(); ++t)
      s.dlogprobs.push_back(static_cast<float>(random.normal()));
    samples.push_back(s);
  }
  Executor executor(policy.shared_plan(), Executor::Purpose::kTraining);
  const auto run = [&](std::span<const Sample> part, std::vector<float>& gradient) {
    WholeSequences sequences;
    std::vector<float> dlogprobs;
    for (const Sample& s : part) {
      sequences.add({s.prompt, s.completion, s.temperature});
      dlogprobs.insert(dlogprobs.end(), s.dlogprobs.begin(), s.dlogprobs.end());
    }
    executor.forward(policy, sequences);
    executor.backward(policy, dlogprobs, gradient.data());
    return std::pair{sequences.batch().logprobs, sequences.batch().rows()};
  };
  std::vector<float> together(policy.weights().layout.size, 0.0f), apart = together, logprobs;
  const auto [all, rows] = run(samples, together);
  REQUIRE(rows > 900);  // Several blocks.
  for (const Sample& s : samples) {
    const auto one = run({&s, 1}, apart).first;
    logprobs.insert(logprobs.end(), one.begin(), one.end());
  }
  CHECK(all == logprobs);
  for (const TensorSpec& t : policy.weights().layout.tensors) {
    CAPTURE(t.name);
    CHECK(std::equal(together.begin() + static_cast<long>(t.offset),
                     together.begin() + static_cast<long>(t.offset + t.size()),
                     apart.begin() + static_cast<long>(t.offset)));
  }
}

TEST_CASE("engine: what the backward computes again takes less memory and changes no bit") {
  const test::ModelShape shape = test::family_shapes()[GENERATE(range(0u, 4u))];
  const ModelConfig config = test::model_config(shape);
  CAPTURE(test::seed(), config.hidden_size);
  const Policy policy(test::random_weights(config, test::seed()), 0);
  policy.packed().prepare_backward();
  env::KeyedRandom random(test::seed(), env::Purpose::kData, 5);
  WholeSequences sequences;
  std::vector<float> dlogprobs;
  const auto samples = random_samples(random, config.vocab_size);
  for (const Sample& s : samples) {
    sequences.add({s.prompt, s.completion, s.temperature});
    dlogprobs.insert(dlogprobs.end(), s.dlogprobs.begin(), s.dlogprobs.end());
  }
  const auto gradients = [&](uint32_t recomputed_layers) {
    Executor executor(policy.shared_plan(), Executor::Purpose::kTraining, recomputed_layers);
    executor.forward(policy, sequences);
    std::vector<float> out(policy.weights().layout.size);
    executor.backward(policy, dlogprobs, out.data());
    return out;
  };
  const auto whole = gradients(0);
  const Plan& plan = policy.plan();
  for (uint32_t layers = 1; layers <= config.layer_count; ++layers) {
    CAPTURE(layers);
    CHECK(gradients(layers) == whole);
    CHECK(plan.training_memory(layers).whole_width < plan.training_memory().whole_width);
  }
}
