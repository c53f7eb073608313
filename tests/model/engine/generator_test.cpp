// The generator: greedy against the scorer's distribution, draws against the inverse CDF,
// cancelling, refusals, new weights in flight, and slots and pages that come free. Sharing and
// bits: same_math_test.

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>

#include "model/engine/generator.hpp"
#include "model/engine/kv_store.hpp"
#include "model/engine/scorer.hpp"
#include "runtime/base/error.hpp"
#include "tests/model/engine/models.hpp"
#include "tests/model/engine/reference_model.hpp"
#include "tests/support/seeds.hpp"

using namespace thespis;
using namespace thespis::model;

namespace {

struct Fixture {
  ModelConfig config = test::model_config({});
  std::shared_ptr<const Policy> policy =
      std::make_shared<const Policy>(test::random_weights(config, test::seed()), 3);
  gpu::ThreadPool pool{2};
  Generator generator{policy, {.slots = 3, .context_max = 64}, pool};

  SequenceRequest request(uint64_t id, std::vector<int32_t> prompt, uint32_t max_tokens) {
    SequenceRequest r;
    r.id = id;
    r.prompt = std::move(prompt);
    r.max_tokens = max_tokens;
    r.random_seed = 11;
    r.random_stream = 2;
    r.random_sample = static_cast<uint32_t>(id);
    return r;
  }
  FinishedSequence run_one(SequenceRequest r) {
    generator.add(std::move(r));
    for (;;)
      for (FinishedSequence& f : generator.step()) return std::move(f);
  }
  /// Probabilities of the next token by the float64 model.
  std::vector<double> next(std::vector<int32_t> tokens, double temperature) {
    const auto& arena = policy->weights().arena;
    const test::ReferenceModel reference(config, {arena.data(), arena.data() + arena.size()});
    std::vector<double> p;
    tokens.push_back(0);
    for (uint32_t t = 0; t < config.vocab_size; ++t) {
      tokens.back() = static_cast<int32_t>(t);
      p.push_back(std::exp(reference.score(tokens, tokens.size() - 1, temperature).logprobs[0]));
    }
    return p;
  }
};

}  // namespace

TEST_CASE("generator: a cut changes no log-prob and says what it kept; a stop text ends") {
  Fixture f;
  SequenceRequest r = f.request(5, {1, 2, 9, 4}, 12);
  CHECK(f.run_one(r).log_kept.empty());
  r.cut = {.top_p = 0.9f, .top_k = 7, .min_p = 0.02f};
  const FinishedSequence result = f.run_one(r);
  const ScoreItem item{r.prompt, result.tokens, 1.0f};
  CHECK(score(*f.policy, {&item, 1}, f.pool)[0].logprobs == result.logprobs);
  REQUIRE(result.log_kept.size() == 12);
  std::vector<int32_t> tokens = r.prompt;
  for (size_t t = 0; t < result.tokens.size(); ++t) {
    auto p = f.next(tokens, 1.0);
    std::sort(p.rbegin(), p.rend());
    p.resize(7);
    double wanted = 0.9 * std::accumulate(p.begin(), p.end(), 0.0), kept = 0;
    for (const double share : p) {
      if (wanted <= 0 || share < 0.02 * p[0]) break;
      kept += share;
      wanted -= share;
    }
    CHECK(std::abs(double{result.log_kept[t]} - std::log(kept)) < 1e-4);
    tokens.push_back(result.tokens[t]);
  }

  // A token's text here is "<number>".
  nlohmann::json vocab = nlohmann::json::object();
  for (uint32_t t = 0; t < f.config.vocab_size; ++t) vocab["<" + std::to_string(t) + ">"] = t;
  const nlohmann::json document = {
      {"model", {{"type", "BPE"}, {"vocab", vocab}, {"merges", nlohmann::json::array()}}},
      {"decoder", {{"type", "Fuse"}}}};
  const auto text = [&](size_t t) { return "<" + std::to_string(result.tokens[t]) + ">"; };
  r.stop_strings = std::make_shared<const StopStrings>(
      std::vector<std::string>{text(3).substr(1) + text(4).substr(0, 2)},
      Tokenizer::parse(document.dump(), "a test's tokenizer"));
  const FinishedSequence stopped = f.run_one(r);
  CHECK(stopped.finish == FinishReason::kStop);
  CHECK(stopped.tokens == std::vector(result.tokens.begin(), result.tokens.begin() + 5));
  r.cut.min_p = 1.5f;
  CHECK_THROWS_AS(f.generator.add(r), InputError);
}

TEST_CASE("generator: each token is the inverse CDF of its keyed draw") {
  Fixture f;
  SequenceRequest r = f.request(5, {1, 2, 9, 4}, 12);
  r.temperature = 0.7f;
  const FinishedSequence result = f.run_one(r);
  REQUIRE(result.tokens.size() == 12);
  REQUIRE(result.finish == FinishReason::kLength);
  std::vector<int32_t> tokens = r.prompt;
  for (uint32_t p = 0; p < result.tokens.size(); ++p) {
    const auto probabilities = f.next(tokens, 0.7);
    const double u = double{env::uniform_at(11, env::Purpose::kSampling, 2, 5, p)};
    double below = 0;
    for (int32_t t = 0; t < result.tokens[p]; ++t) below += probabilities[static_cast<size_t>(t)];
    const double self = probabilities[static_cast<size_t>(result.tokens[p])];
    CHECK(u > below - 1e-5);
    CHECK(u < below + self + 1e-5);
    CHECK(std::abs(double{result.logprobs[p]} - std::log(self)) < 5e-5);
    tokens.push_back(result.tokens[p]);
  }
}

TEST_CASE("generator: temperature 0 takes the likeliest token and records its plain log-prob") {
  Fixture f;
  SequenceRequest r = f.request(1, {7, 3}, 6);
  r.temperature = 0.0f;
  const FinishedSequence result = f.run_one(r);
  std::vector<int32_t> tokens = r.prompt;
  for (size_t p = 0; p < result.tokens.size(); ++p) {
    const auto probabilities = f.next(tokens, 1.0);
    const double chosen = probabilities[static_cast<size_t>(result.tokens[p])];
    for (const double q : probabilities) CHECK(q < chosen + 1e-5);
    CHECK(std::abs(double{result.logprobs[p]} - std::log(chosen)) < 5e-5);
    tokens.push_back(result.tokens[p]);
  }
}

TEST_CASE("generator: a cancelled sequence comes back with what it has, and frees its slot") {
  Fixture f;
  for (uint64_t id = 0; id < 3; ++id) f.generator.add(f.request(id, {1, 2, 3}, 50));
  CHECK_FALSE(f.generator.has_free_slot());
  f.generator.step();
  f.generator.step();
  CHECK(f.generator.cancel(1));
  CHECK_FALSE(f.generator.cancel(77));
  const auto finished = f.generator.step();
  REQUIRE(finished.size() == 1);
  CHECK(finished[0].id == 1);
  CHECK(finished[0].finish == FinishReason::kCancelled);
  CHECK(finished[0].tokens.size() == 2);
  CHECK(f.generator.free_slots() == 1);
  CHECK_FALSE(f.generator.cancel(1));
  // One that never ran comes back empty.
  f.generator.add(f.request(9, {1}, 5));
  CHECK(f.generator.cancel(9));
  CHECK(f.generator.step().at(0).tokens.empty());
}

TEST_CASE("generator: sequences in flight go on under new weights, and say which drew each token") {
  Fixture f;
  const auto other =
      std::make_shared<const Policy>(test::random_weights(f.config, test::seed() + 1), 4);
  f.generator.add(f.request(0, {1, 2, 3}, 6));
  std::vector<FinishedSequence> finished;
  for (int step = 0; step < 6; ++step) {
    if (step == 2) f.generator.install(other);
    for (FinishedSequence& s : f.generator.step()) finished.push_back(std::move(s));
  }
  REQUIRE(finished.size() == 1);
  CHECK(finished[0].versions == std::vector<uint64_t>{3, 3, 4, 4, 4, 4});
  // Begun under the new weights, a sequence with the same prompt shares nothing of the old ones'
  // pages.
  std::vector<int32_t> prompt(40, 5);
  f.generator.install(f.policy);
  f.generator.add(f.request(1, prompt, 20));
  f.generator.step();
  f.generator.install(other);
  SequenceRequest fresh = f.request(2, prompt, 4);
  f.generator.add(fresh);
  for (int step = 0; step < 4; ++step)
    for (FinishedSequence& s : f.generator.step()) finished.push_back(std::move(s));
  REQUIRE(finished.size() == 2);
  REQUIRE(finished[1].id == 2);
  const ScoreItem item{prompt, finished[1].tokens, 1.0f};
  CHECK(score(*other, {&item, 1}, f.pool)[0].logprobs == finished[1].logprobs);
}

TEST_CASE("generator: prompts that fill a walk's rows to the last give one token a step") {
  Fixture f;
  gpu::ThreadPool one(1);
  Generator generator(f.policy, {.slots = 4, .context_max = 256}, one);
  env::KeyedRandom random(test::seed(), env::Purpose::kData, 3);
  for (uint64_t id = 0; id < 3; ++id)
    generator.add(f.request(id, test::random_tokens(random, 64, f.config.vocab_size), 3));
  generator.add(f.request(3, test::random_tokens(random, 192, f.config.vocab_size), 3));
  CHECK(generator.step().empty());
  CHECK(generator.step().empty());
  const auto finished = generator.step();
  REQUIRE(finished.size() == 4);
  for (const FinishedSequence& s : finished) CHECK(s.tokens.size() == 3);
}

TEST_CASE("generator: requests that cannot run are refused, and leave no trace") {
  Fixture f;
  CHECK_THROWS_AS(f.generator.add(f.request(1, {}, 5)), InputError);
  CHECK_THROWS_AS(f.generator.add(f.request(1, {1, 37}, 5)), InputError);
  CHECK_THROWS_AS(f.generator.add(f.request(1, {1, -1}, 5)), InputError);
  CHECK_THROWS_AS(f.generator.add(f.request(1, {1}, 0)), InputError);
  CHECK_THROWS_AS(f.generator.add(f.request(1, {1}, 64)), InputError);
  CHECK(f.generator.active_count() == 0);
  CHECK(f.run_one(f.request(1, {1}, 63)).tokens.size() == 63);
  CHECK_THROWS_AS(Generator(f.policy, {.slots = 0, .context_max = 64}, f.pool), InputError);
  CHECK_THROWS_AS(Generator(f.policy, {.slots = 1, .context_max = 257}, f.pool), InputError);
}

TEST_CASE("generator: logits that are not finite stop it with the sequence's name") {
  Fixture f;
  auto broken = std::make_shared<Weights>(f.policy->weights());
  broken->tensor(broken->layout.at("model.norm.weight"))[3] =
      std::numeric_limits<float>::infinity();
  f.generator.install(std::make_shared<const Policy>(broken, 4));
  f.generator.add(f.request(21, {1, 2}, 5));
  CHECK_THROWS_AS(f.generator.step(), Error);
}

TEST_CASE("kv store: pages are shared by prefix, and free when the last holder lets go") {
  KvStore kv({.heads = 2, .kv_heads = 1, .head_dim = 16}, 2, 4);
  const std::vector<int32_t> a(16, 1), b(16, 2);
  const uint32_t first = kv.acquire(), second = kv.acquire();
  kv.pages().publish(first, PagePool::kRoot, a);
  kv.pages().publish(second, first, b);
  CHECK(kv.pages().find(PagePool::kRoot, a) == first);
  CHECK(kv.pages().find(first, b) == second);
  CHECK_FALSE(
      kv.pages().find(PagePool::kRoot, b).has_value());  // The same tokens after another prefix.
  CHECK_FALSE(kv.pages().find(second, b).has_value());
  kv.pages().retain(first);
  kv.pages().release(first);
  CHECK(kv.pages().find(PagePool::kRoot, a) == first);
  CHECK(kv.pages().free_count() == 2);
  kv.pages().release(second);
  kv.pages().release(first);
  CHECK(kv.pages().free_count() == 4);
  CHECK_FALSE(kv.pages().find(PagePool::kRoot, a).has_value());
  const uint32_t again = kv.acquire();
  kv.pages().publish(again, PagePool::kRoot, a);
  kv.pages().forget_prefixes();
  CHECK_FALSE(kv.pages().find(PagePool::kRoot, a).has_value());
  kv.pages().release(again);
  CHECK(kv.pages().free_count() == 4);
}
