// The promise SAME-MATH: a log-prob recorded while sampling is, bit for bit, the one that the
// scorer and the learner compute. Method: sequences of random lengths, many sharing prompts or
// prefixes, come and go in random slots (so prefill runs in chunks, pages are shared and reused),
// with 1 and 2 threads; then the same tokens are scored and trained on, and the floats compared as
// bytes.

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators_range.hpp>
#include <cstring>
#include <map>

#include "model/engine/generator.hpp"
#include "model/engine/scorer.hpp"
#include "tests/model/engine/models.hpp"
#include "tests/support/seeds.hpp"

using namespace thespis;
using namespace thespis::model;
using test::same_bits;

namespace {

std::vector<SequenceRequest> random_requests(env::KeyedRandom& random, uint32_t count,
                                             const ModelConfig& config) {
  std::vector<std::vector<int32_t>> prefixes;
  for (const uint32_t length : {1u, 15u, 16u, 17u, 33u, 64u, 70u, 200u})
    prefixes.push_back(test::random_tokens(random, length, config.vocab_size));
  std::vector<SequenceRequest> requests;
  for (uint32_t i = 0; i < count; ++i) {
    SequenceRequest r;
    r.id = i;
    r.prompt = prefixes[random.below(static_cast<uint32_t>(prefixes.size()))];
    if (random.below(2) == 0) {  // A prompt of its own behind a shared prefix.
      const auto tail = test::random_tokens(random, random.below(20), config.vocab_size);
      r.prompt.insert(r.prompt.end(), tail.begin(), tail.end());
    }
    r.stop_tokens = {3};
    r.max_tokens = 1 + random.below(36);
    r.temperature = i % 7 == 0 ? 0.0f : 0.5f + static_cast<float>(random.uniform());
    r.random_seed = 5;
    r.random_stream = random.below(4);
    r.random_sample = i;
    requests.push_back(r);
  }
  return requests;
}

/// Runs all requests through few slots, a random number admitted before each step.
std::map<uint64_t, FinishedSequence> generate(Generator& generator, env::KeyedRandom& random,
                                              const std::vector<SequenceRequest>& requests) {
  std::map<uint64_t, FinishedSequence> results;
  size_t next = 0;
  while (results.size() < requests.size()) {
    for (uint32_t n = random.below(6); n > 0 && next < requests.size() && generator.has_free_slot();
         --n)
      generator.add(requests[next++]);
    for (FinishedSequence& f : generator.step()) results.emplace(f.id, std::move(f));
  }
  return results;
}

}  // namespace

TEST_CASE("same math: sampler, scorer and trainer give the same bits") {
  const size_t family = GENERATE(range(0u, 4u));
  const unsigned threads = GENERATE(1u, 2u, 3u);
  const test::ModelShape shape = test::family_shapes()[family];
  const ModelConfig config = test::model_config(shape);
  CAPTURE(test::seed(), family, threads);
  gpu::ThreadPool pool(threads);
  auto policy = std::make_shared<const Policy>(test::random_weights(config, test::seed()), 7);
  env::KeyedRandom random(test::seed(), env::Purpose::kData, threads);

  const auto requests = random_requests(random, 60, config);
  Generator generator(policy, {.slots = 9, .context_max = 256}, pool);
  const auto sampled = generate(generator, random, requests);
  REQUIRE(generator.active_count() == 0);

  std::vector<ScoreItem> score_items;
  std::vector<TrainItem> train_items;
  for (const SequenceRequest& r : requests) {
    const FinishedSequence& f = sampled.at(r.id);
    REQUIRE(f.tokens.size() == f.logprobs.size());
    REQUIRE(f.versions == std::vector<uint64_t>(f.tokens.size(), 7));
    REQUIRE(f.tokens.size() <= r.max_tokens);
    REQUIRE((f.finish == FinishReason::kStop) == (f.tokens.back() == 3));
    score_items.push_back({r.prompt, f.tokens, r.temperature});
    train_items.push_back({r.prompt, f.tokens, r.temperature});
  }
  const auto scores = score(*policy, score_items, pool);
  std::vector<std::vector<float>> trained(requests.size());
  Trainer trainer(policy, {}, {.micro_batch_tokens = 300, .lanes = 4}, pool);
  trainer.step(
      train_items,
      [&](const ScoredTokens& known, std::span<float> g) {
        trained[known.item].assign(known.logprobs.begin(), known.logprobs.end());
        std::fill(g.begin(), g.end(), -0.01f);
      },
      1e-3);
  for (size_t i = 0; i < requests.size(); ++i) {
    CAPTURE(i);
    const std::vector<float>& recorded = sampled.at(requests[i].id).logprobs;
    CHECK(same_bits(recorded, scores[i].logprobs));
    CHECK(same_bits(recorded, trained[i]));
  }
}

TEST_CASE("same math: prompts admitted together wait for the pages they share") {
  // Several threads, and a leader whose prefill takes long: a follower that did not wait would read
  // pages that are still empty.
  const ModelConfig config = test::model_config({});
  CAPTURE(test::seed());
  gpu::ThreadPool pool(3);
  auto policy = std::make_shared<const Policy>(test::random_weights(config, test::seed()), 0);
  env::KeyedRandom random(test::seed(), env::Purpose::kData, 20);
  Generator generator(policy, {.slots = 6, .context_max = 256}, pool);
  for (int round = 0; round < 20; ++round) {
    const auto prefix = test::random_tokens(random, 220, config.vocab_size);
    std::vector<SequenceRequest> requests(6);
    for (uint32_t i = 0; i < requests.size(); ++i) {
      requests[i].id = requests[i].random_sample = i;
      requests[i].max_tokens = 1;
      requests[i].prompt.assign(prefix.begin(), prefix.end() - 40 * (i % 3));
      generator.add(requests[i]);
    }
    const auto finished = generator.step();
    REQUIRE(finished.size() == requests.size());
    for (uint32_t i = 0; i < requests.size(); ++i) {
      const ScoreItem item{requests[i].prompt, finished[i].tokens, 1.0f};
      CHECK(same_bits(score(*policy, {&item, 1}, pool)[0].logprobs, finished[i].logprobs));
    }
  }
}
