// The engine on a device: SAME-MATH between its generator, scorer and trainer; close to the CPU's
// engine; the same bits whether pages are plenty or scarce, whoever the neighbours are.

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators_range.hpp>
#include <map>
#include <numeric>

#include "model/device/device_generator.hpp"
#include "model/device/device_scorer.hpp"
#include "model/device/device_trainer.hpp"
#include "runtime/base/error.hpp"
#include "tests/model/engine/models.hpp"
#include "tests/support/card.hpp"
#include "tests/support/seeds.hpp"

using namespace thespis;
using namespace thespis::model;

namespace {

/// The families in small, with shapes that the device takes (heads of a power of two).
test::ModelShape device_shape(size_t family) {
  test::ModelShape shape = test::family_shapes()[family];
  if (shape.head_dim == 48) shape.head_dim = 64;
  return shape;
}

struct Fixture {
  std::shared_ptr<gpu::Device> device = test::card(test::every_order());
  gpu::ThreadPool threads{2};
  env::KeyedRandom random{test::seed(), env::Purpose::kData, 60};

  struct Made {
    ModelConfig config;
    std::shared_ptr<const Policy> policy;
    std::shared_ptr<DeviceModel> model;
  };
  Made make(size_t family) const {
    Made m;
    m.config = test::model_config(device_shape(family));
    m.config.context_max = 1024;
    // Weights that bf16 holds: then both engines compute with the same.
    auto weights = std::make_shared<Weights>(*test::random_weights(m.config, test::seed()));
    for (float& w : weights->arena.span()) w = test::widened(test::rounded(w));
    m.policy = std::make_shared<const Policy>(weights, 7);
    m.model = DeviceModel::make(device, m.policy->shared_plan());
    return m;
  }

  std::vector<SequenceRequest> requests(const ModelConfig& config, uint32_t count) {
    std::vector<std::vector<int32_t>> prefixes;
    for (const uint32_t length : {1u, 16u, 17u, 33u, 70u, 300u, 600u})
      prefixes.push_back(test::random_tokens(random, length, config.vocab_size));
    std::vector<SequenceRequest> all;
    for (uint32_t i = 0; i < count; ++i) {
      SequenceRequest r;
      r.id = i;
      r.prompt = prefixes[random.below(static_cast<uint32_t>(prefixes.size()))];
      const auto tail = test::random_tokens(random, random.below(20), config.vocab_size);
      if (random.below(2) == 0) r.prompt.insert(r.prompt.end(), tail.begin(), tail.end());
      r.stop_tokens = {3};
      r.max_tokens = 1 + random.below(80);
      r.temperature = i % 7 == 0 ? 0.0f : 0.5f + static_cast<float>(random.uniform());
      r.random_seed = 5;
      r.random_stream = random.below(4);
      r.random_sample = i;
      all.push_back(r);
    }
    return all;
  }
};

using Results = std::map<uint64_t, FinishedSequence>;

Results generate(DeviceGenerator& generator, const std::vector<SequenceRequest>& requests) {
  Results results;
  size_t next = 0;
  while (results.size() < requests.size()) {
    for (int n = 0; n < 5 && next < requests.size() && generator.free_slots() > 0; ++n)
      generator.add(requests[next++]);
    for (FinishedSequence& f : generator.step()) results.emplace(f.id, std::move(f));
  }
  return results;
}

void require_same(const Results& a, const Results& b) {
  for (const auto& [id, f] : a) {
    CAPTURE(id);
    CHECK(f.tokens == b.at(id).tokens);
    CHECK(f.logprobs == b.at(id).logprobs);
  }
}

const LossGradient kCrossEntropy = [](const ScoredTokens&, std::span<float> g) {
  std::fill(g.begin(), g.end(), -0.01f);
};

}  // namespace

TEST_CASE_METHOD(Fixture, "device: same math in generator, scorer and trainer, near the CPU's") {
  const size_t family = GENERATE(range(size_t{0}, size_t{4}));
  CAPTURE(family, test::seed());
  const Made m = make(family);
  const auto asked = requests(m.config, 60);
  DeviceGenerator generator(m.model, m.policy, {.slots = 13, .context_max = 1024});
  const Results sampled = generate(generator, asked);

  std::vector<ScoreItem> items;
  std::vector<TrainItem> train_items;
  for (const SequenceRequest& r : asked) {
    items.push_back({r.prompt, sampled.at(r.id).tokens, r.temperature});
    train_items.push_back({r.prompt, sampled.at(r.id).tokens, r.temperature});
  }
  DeviceScorer scorer(m.model);
  const auto scores = scorer.score(*m.policy, items);
  const auto cpu_scores = score(*m.policy, items, threads);
  std::vector<std::vector<float>> trained(asked.size());
  DeviceTrainer trainer(m.model, m.policy, {}, {.micro_batch_tokens = 900, .lanes = 16});
  trainer.step(
      train_items,
      [&](const ScoredTokens& known, std::span<float> g) {
        std::vector<float>& all = trained[known.item];
        CHECK(known.first == all.size());
        all.insert(all.end(), known.logprobs.begin(), known.logprobs.end());
        std::fill(g.begin(), g.end(), -0.01f);
      },
      1e-3);
  std::vector<float> all, cpu;
  for (size_t i = 0; i < asked.size(); ++i) {
    CAPTURE(i, asked[i].prompt.size());
    const std::vector<float>& recorded = sampled.at(asked[i].id).logprobs;
    CHECK(recorded == scores[i].logprobs);
    CHECK(recorded == trained[i]);
    CHECK(sampled.at(asked[i].id).versions == std::vector<uint64_t>(recorded.size(), 7));
    all.insert(all.end(), recorded.begin(), recorded.end());
    cpu.insert(cpu.end(), cpu_scores[i].logprobs.begin(), cpu_scores[i].logprobs.end());
  }
  CHECK(test::distance(all, cpu) < 3e-2);
}

TEST_CASE_METHOD(Fixture, "device: a loss gets an item's tokens in parts where logits need it") {
  const Made m = make(0);
  std::vector<TrainItem> items;
  std::vector<ScoreItem> asked;
  for (int i = 0; i < 7; ++i) {
    items.push_back({test::random_tokens(random, 20, m.config.vocab_size),
                     test::random_tokens(random, 700, m.config.vocab_size), 1});
    asked.push_back({items.back().prompt, items.back().completion, 1});
  }
  std::vector<std::vector<float>> known(items.size());
  std::vector<int> calls(items.size());
  const LossGradient loss = [&](const ScoredTokens& tokens, std::span<float> g) {
    std::vector<float>& all = known[tokens.item];
    CHECK(tokens.first == all.size());
    all.insert(all.end(), tokens.logprobs.begin(), tokens.logprobs.end());
    ++calls[tokens.item];
    for (size_t t = 0; t < g.size(); ++t)
      g[t] = -1e-3f * static_cast<float>(1 + (tokens.first + t) % 5);
  };
  const AdamWOptions options{.clip_grad_norm = 0};
  DeviceTrainer all_at_once(m.model, m.policy, options, {6000, 1});
  all_at_once.step(items, loss, 1e-3);
  CHECK(*std::max_element(calls.begin(), calls.end()) == 2);
  CHECK(std::accumulate(calls.begin(), calls.end(), 0) == 8);
  DeviceScorer scorer(m.model);
  const auto scores = scorer.score(*m.policy, asked);
  for (size_t i = 0; i < items.size(); ++i) CHECK(known[i] == scores[i].logprobs);

  known.assign(items.size(), {});
  calls.assign(items.size(), 0);
  DeviceTrainer one_by_one(m.model, m.policy, options, {800, 1});
  one_by_one.step(items, loss, 1e-3);
  CHECK(calls == std::vector<int>(items.size(), 1));
  const auto a = all_at_once.first_moment(), b = one_by_one.first_moment();
  CHECK(test::distance(std::vector<float>(a.begin(), a.end()),
                       std::vector<float>(b.begin(), b.end())) < 1e-2);
}

TEST_CASE_METHOD(Fixture, "device: a trainer's gradients and weights are near the CPU's") {
  const size_t family = GENERATE(range(size_t{0}, size_t{4}));
  CAPTURE(family, test::seed());
  const Made m = make(family);
  std::vector<TrainItem> items;
  for (int i = 0; i < 20; ++i)
    items.push_back({test::random_tokens(random, 1 + random.below(40), m.config.vocab_size),
                     test::random_tokens(random, 1 + random.below(300), m.config.vocab_size), 1});
  const AdamWOptions options{.clip_grad_norm = 0};
  DeviceTrainer device_trainer(m.model, m.policy, options, {1000, 16});
  Trainer cpu_trainer(m.policy, options, {1000, 16}, threads);
  const auto stats = device_trainer.step(items, kCrossEntropy, 1e-3);
  const auto cpu_stats = cpu_trainer.step(items, kCrossEntropy, 1e-3);
  CHECK(std::abs(stats.grad_norm - cpu_stats.grad_norm) < 2e-2 * cpu_stats.grad_norm);
  const auto moment = device_trainer.first_moment(), cpu_moment = cpu_trainer.first_moment();
  for (const TensorSpec& t : m.policy->weights().layout.tensors) {
    CAPTURE(t.name);
    const auto part = [&](std::span<const float> of) {
      return std::vector<float>(of.begin() + static_cast<long>(t.offset),
                                of.begin() + static_cast<long>(t.offset + t.size()));
    };
    CHECK(test::distance(part(moment), part(cpu_moment)) < 0.1);  // bf16, layer upon layer.
  }
  // The same step again, whatever ran before: the same bits.
  DeviceTrainer again(m.model, m.policy, options, {1000, 16});
  again.step(items, kCrossEntropy, 1e-3);
  CHECK(again.policy()->weights().checksum() == device_trainer.policy()->weights().checksum());
  // And on from a checkpoint.
  again.restore(m.policy, device_trainer.first_moment(), device_trainer.second_moment(), 1);
  CHECK(again.step_count() == 1);
  const auto old = device_trainer.policy();
  device_trainer.step(items, kCrossEntropy, 1e-3);
  CHECK(device_trainer.policy()->version() == 9);
  CHECK(old->weights().checksum() == old->weights().checksum());  // Fetched before: still there.
}

TEST_CASE_METHOD(Fixture, "device: a step's gradients owe nothing to the step before") {
  const Made m = make(GENERATE(range(size_t{0}, test::family_shapes().size())));
  const auto tokens = [&](uint32_t count) {
    return test::random_tokens(random, count, m.config.vocab_size);
  };
  const std::vector<TrainItem> before{{tokens(40), tokens(50), 1}};
  const TrainItem item{tokens(20), tokens(60), 1}, unscored{tokens(70), {}, 1};
  // Without a learning rate the weights stay.
  const auto norm_after = [&](const std::vector<TrainItem>& items, bool first) {
    DeviceTrainer trainer(m.model, m.policy, {}, {100, 4});
    if (!first) trainer.step(before, kCrossEntropy, 0);
    return trainer.step(items, kCrossEntropy, 0).grad_norm;
  };
  const double expected = norm_after({item}, true);
  CHECK(expected > 0);
  CHECK(norm_after({item}, false) == expected);
  // Micro-batches of which one scores nothing.
  CHECK(norm_after({unscored, item}, false) == expected);
  CHECK(norm_after({item, unscored}, false) == expected);
  CHECK(norm_after({unscored}, false) == 0);
  CHECK(norm_after({}, false) == 0);
}

TEST_CASE_METHOD(Fixture, "device: scarce pages and other neighbours change no bit") {
  const Made m = make(0);
  const auto asked = requests(m.config, 40);
  DeviceGenerator plenty(m.model, m.policy, {.slots = 40, .context_max = 1024});
  const Results expected = generate(plenty, asked);
  CHECK(plenty.preempted_count() == 0);
  // 600 + 20 + 80 tokens are 44 pages: two long sequences do not fit.
  DeviceGenerator scarce(m.model, m.policy, {.slots = 16, .context_max = 1024}, 70);
  require_same(expected, generate(scarce, asked));
  DeviceGenerator alone(m.model, m.policy, {.slots = 1, .context_max = 1024});
  require_same(expected, generate(alone, asked));
}

TEST_CASE_METHOD(Fixture, "device: pages that run out in mid-flight are given back and refilled") {
  const Made m = make(2);
  std::vector<SequenceRequest> asked;
  for (uint32_t i = 0; i < 6; ++i) {
    SequenceRequest r;
    r.id = i;
    r.prompt = test::random_tokens(random, 20 + i, m.config.vocab_size);
    r.max_tokens = 200;
    r.random_seed = 9;
    r.random_sample = i;
    asked.push_back(r);
  }
  DeviceGenerator plenty(m.model, m.policy, {.slots = 6, .context_max = 256});
  DeviceGenerator scarce(m.model, m.policy, {.slots = 6, .context_max = 256}, 30);
  require_same(generate(plenty, asked), generate(scarce, asked));
  CHECK(scarce.preempted_count() > 0);
}

TEST_CASE_METHOD(Fixture,
                 "device: new weights between two steps; a cancelled sequence comes back") {
  const Made m = make(0);
  DeviceTrainer trainer(m.model, m.policy, {}, {});
  DeviceGenerator generator(m.model, m.policy, {.slots = 4, .context_max = 256});
  SequenceRequest r;
  r.id = 1;
  r.prompt = {1, 2, 5};
  r.max_tokens = 30;
  generator.add(r);
  r.id = 2;
  generator.add(r);
  std::vector<FinishedSequence> finished;
  for (int i = 0; i < 10; ++i) CHECK(generator.step().empty());
  trainer.step(std::vector<TrainItem>{{{1, 2}, {4, 5, 6}, 1}}, kCrossEntropy, 1e-2);
  generator.install(trainer.policy());
  CHECK(generator.cancel(2));
  while (generator.active_count() > 0)
    for (FinishedSequence& f : generator.step()) finished.push_back(std::move(f));
  REQUIRE(finished.size() == 2);
  CHECK(finished[0].id == 2);
  CHECK(finished[0].finish == FinishReason::kCancelled);
  std::vector<uint64_t> versions(10, 7);
  versions.resize(30, 8);
  CHECK(finished[1].versions == versions);
}

TEST_CASE_METHOD(Fixture, "device: what the backward computes again changes no bit") {
  const size_t family = GENERATE(range(size_t{0}, size_t{4}));
  CAPTURE(family);
  const Made m = make(family);
  std::vector<TrainItem> items;
  for (int i = 0; i < 12; ++i)
    items.push_back({test::random_tokens(random, 1 + random.below(40), m.config.vocab_size),
                     test::random_tokens(random, 1 + random.below(300), m.config.vocab_size), 1});
  std::vector<uint64_t> checksums;
  for (const uint32_t layers : {0u, 1u, m.config.layer_count}) {
    DeviceTrainer trainer(m.model, m.policy, {}, {1000, 16}, Zero::kOptimizer, {}, layers);
    for (int step = 0; step < 2; ++step) trainer.step(items, kCrossEntropy, 1e-3);
    checksums.push_back(trainer.policy()->weights().checksum());
  }
  CHECK(checksums[1] == checksums[0]);
  CHECK(checksums[2] == checksums[0]);
}

TEST_CASE_METHOD(Fixture, "device: weights are updated in place where nobody else has them") {
  const Made m = make(0);
  const std::vector<TrainItem> items{{{1, 2}, {4, 5, 6}, 1}};
  DeviceTrainer trainer(m.model, m.policy, {}, {});
  const auto at = [&] { return m.model->weights_of(*trainer.policy())->at(0); };
  const gpu::Bf16* first = at();
  trainer.step(items, kCrossEntropy, 1e-2);  // The host has the first ones.
  CHECK(at() == first);
  trainer.step(items, kCrossEntropy, 1e-2);  // Nobody has the second.
  CHECK(at() == first);

  // A generator that computes with a version keeps it, as does whoever may ask a policy for it.
  const auto former = trainer.policy();
  SequenceRequest r;
  r.prompt = {1, 2, 5};
  r.max_tokens = 30;
  DeviceGenerator generator(m.model, former, {.slots = 1, .context_max = 256});
  generator.add(r);
  generator.step();
  trainer.step(items, kCrossEntropy, 1e-2);
  CHECK(at() != first);
  std::vector<FinishedSequence> finished;
  while (finished.empty()) finished = generator.step();
  const ScoreItem item{r.prompt, finished[0].tokens, 1};
  DeviceScorer scorer(m.model);
  CHECK(scorer.score(*former, {&item, 1})[0].logprobs == finished[0].logprobs);
  CHECK_THROWS_AS(former->weights(), Error);  // The host never had them.
  // A step of length 0 leaves every bit: what goes to the host and comes back in halves is whole.
  DeviceTrainer probe(m.model, trainer.policy(), {.beta1 = 0, .clip_grad_norm = 0}, {});
  const auto before = trainer.policy();
  const auto weights = before->shared_weights();
  probe.step(items, kCrossEntropy, 0);
  CHECK(probe.policy()->weights().checksum() == weights->checksum());
}

TEST_CASE_METHOD(Fixture,
                 "device: a generator that rests lets its weights go and wakes with others") {
  const Made m = make(0);
  const std::vector<TrainItem> items{{{1, 2}, {4, 5, 6}, 1}};
  DeviceTrainer trainer(m.model, m.policy, {}, {});
  const auto at = [&] { return m.model->weights_of(*trainer.policy())->at(0); };
  trainer.step(items, kCrossEntropy, 1e-2);
  const gpu::Bf16* first = at();
  DeviceGenerator generator(m.model, trainer.policy(), {.slots = 4, .context_max = 256});
  SequenceRequest r;
  r.prompt = test::random_tokens(random, 40, m.config.vocab_size);
  r.max_tokens = 30;
  const auto sampled = [&](DeviceGenerator& by) { return generate(by, {r}).at(0).logprobs; };
  const auto before = sampled(generator);
  generator.rest();
  trainer.step(items, kCrossEntropy, 1e-2);
  CHECK(at() == first);
  generator.install(trainer.policy());
  DeviceGenerator fresh(m.model, trainer.policy(), {.slots = 4, .context_max = 256});
  const auto after = sampled(generator);
  CHECK(after == sampled(fresh));
  CHECK(after != before);
}
