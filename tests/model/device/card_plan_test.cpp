// Goal: the plan of a card's memory is the arithmetic of a small model, gives way in the right
// order, and says what does not fit; on a card it is what is allocated.

#include "model/device/card_plan.hpp"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include "gpu/device_sizes.hpp"
#include "model/device/cards_trainer.hpp"
#include "model/device/device_generator.hpp"
#include "model/device/device_scorer.hpp"
#include "model/device/device_trainer.hpp"
#include "model/hf/known_models.hpp"
#include "runtime/collective/thread_group.hpp"
#include "tests/model/engine/models.hpp"
#include "tests/support/card.hpp"

using namespace thespis;
using namespace thespis::model;

namespace {

ModelConfig small_config() {
  return test::model_config({.vocab = 256,
                             .hidden = 64,
                             .layers = 2,
                             .heads = 4,
                             .kv_heads = 2,
                             .head_dim = 16,
                             .ffn = 128,
                             .tied = false});
}

uint64_t bytes_of(const CardPlan& plan, const std::string& what) {
  const auto part = std::find_if(plan.parts.begin(), plan.parts.end(),
                                 [&](const MemoryPart& p) { return p.what == what; });
  INFO(what);
  REQUIRE(part != plan.parts.end());
  return part->bytes;
}

constexpr uint64_t kGiB = uint64_t{1} << 30;

}  // namespace

TEST_CASE("card plan: the parts of a small model, worked out by hand") {
  const Plan plan(small_config());
  CardUse use;
  use.trainer = {.micro_batch_tokens = 1000, .lanes = 1, .sequence_max = 1200};
  use.decoders = 2;
  use.decoder = {.slots = 20, .context_max = 250};
  use.sequence_max = 249;
  use.versions = 3;
  const CardPlan card = plan_card(plan, use, 80 * kGiB, 1000);
  CHECK(card.fits());
  CHECK(card.recomputed_layers == 0);
  // Embedding and head 256 x 64; a layer: two norms, q (64), k and v (32) with biases, o, three of
  // 128 x 64; the last norm.
  const uint64_t layer = 2 * 64 + (64 + 32 + 32) * (64 + 1) + 64 * 64 + 3 * 128 * 64;
  const uint64_t size = 2 * 256 * 64 + 2 * layer + 64;
  CHECK(bytes_of(card, "driver, kernels, graphs") == 1000);
  CHECK(bytes_of(card, "weights, x 3") == 3 * 2 * size);
  CHECK(bytes_of(card, "training: low halves of float weights") == 2 * size);
  CHECK(bytes_of(card, "training: gradients") == 4 * size);
  CHECK(bytes_of(card, "training: first moments") == 4 * size);
  CHECK(bytes_of(card, "training: second moments") == 4 * size);
  CHECK(bytes_of(card, "table of rotations") == 256 * 16 * 4);
  CHECK(bytes_of(card, "workspaces of products") == 5 * (uint64_t{64} << 20));
  // All 1,200 rows at once: logits in float; their gradient takes their place.
  CHECK(bytes_of(card, "training: logits") == 1200 * 256 * 4);
  CHECK(bytes_of(card, "scoring: logits") == 4096 * 256 * 4);
  CHECK(bytes_of(card, "sampling: logits") == 2 * 32 * 256 * 4);
  // Kept of each row: the embedding; of each layer the finished product of q, k, v, what attention
  // gives, its sum with the residual, gate and up, and the layer's end; sums of 4 heads a layer.
  const uint64_t kept = 64 + 2 * (128 + 64 + 64 + 256 + 64);
  const uint64_t activations = bytes_of(card, "training: activations");
  CHECK(activations >= 1200 * (kept * 2 + 2 * 4 * 4));
  CHECK(activations < 1200 * (kept * 2 + 2 * 4 * 4) * 2);
  // 250 tokens are 16 pages of 16 tokens; one more page for rows that fill a batch.
  const uint64_t page =
      2 * 16 * 2 * 16 * 2 * 2;  // Keys and values, tokens, heads, width, bf16, layers.
  CHECK(card.pages == 20 * 16 + 1);
  CHECK(bytes_of(card, "sampling: keys and values") == 2 * card.pages * page);
}

TEST_CASE(
    "card plan: pages give way to half, then the backward computes again, then it is refused") {
  const Plan plan(known_model("qwen2.5-0.5b"));
  CardUse use;
  use.trainer = {.micro_batch_tokens = 16384, .lanes = 1, .sequence_max = 2048};
  use.decoders = 1;
  use.decoder = {.slots = 512, .context_max = 2048};
  const CardPlan all = plan_card(plan, use, 80 * kGiB, kContextBytes);
  CHECK(all.fits());
  CHECK(all.pages == all.pages_wanted);
  CHECK(all.recomputed_layers == 0);
  const uint64_t pages = bytes_of(all, "sampling: keys and values");
  const CardPlan fewer = plan_card(plan, use, all.used() - pages / 4, kContextBytes);
  CHECK(fewer.fits());
  CHECK(fewer.recomputed_layers == 0);
  CHECK(fewer.pages < all.pages);
  CHECK(fewer.memory - fewer.used() < 2 * page_bytes(plan));  // Nothing is left over.
  const CardPlan again = plan_card(plan, use, all.used() - pages * 2 / 3, kContextBytes);
  CHECK(again.fits());
  CHECK(again.recomputed_layers > 0);
  CHECK(again.pages >= all.pages_wanted / 2);
  const CardPlan none = plan_card(plan, use, 8 * kGiB, kContextBytes);
  CHECK_FALSE(none.fits());
  CHECK(none.refusal(use).find("does not fit: it takes ") == 0);
  CHECK(none.refusal(use).find("train.micro_batch_tokens") != std::string::npos);
  use.kv_share = 0.05;
  const CardPlan stated = plan_card(plan, use, 80 * kGiB, kContextBytes);
  CHECK(bytes_of(stated, "sampling: keys and values") <= 4 * kGiB);
  CHECK(bytes_of(stated, "sampling: keys and values") + page_bytes(plan) > 4 * kGiB);
}

TEST_CASE("card plan: cards share the optimizer's state, or all of it") {
  const Plan plan(small_config());
  const WeightLayout layout = WeightLayout::of(plan.config());
  CardUse use;
  use.trainer = {.micro_batch_tokens = 1000, .lanes = 1};
  use.exchanges = true;
  use.ranks = 4;
  uint64_t moments = 0, low = 0;
  for (use.rank = 0; use.rank < 4; ++use.rank) {
    const CardPlan card = plan_card(plan, use, 80 * kGiB, 0);
    CHECK(bytes_of(card, "weights, x 1") == 2 * layout.size);
    CHECK(bytes_of(card, "training: gradients") == 4 * layout.size);
    CHECK(bytes_of(card, "collectives") == kCollectiveBytes);
    // From three others, of the largest shard: there are fewer floats than are sent at a time.
    const Shards shards = Shards::of(layout, 4);
    uint64_t largest = 0;
    for (uint32_t r = 0; r < 4; ++r) largest = std::max(largest, shards.of_rank(r).size());
    CHECK(bytes_of(card, "training: gradients of other cards") == 3 * 4 * largest);
    moments += bytes_of(card, "training: first moments");
    low += bytes_of(card, "training: low halves of float weights");
  }
  CHECK(moments == 4 * layout.size);
  CHECK(low == 2 * layout.size);
  use.zero = Zero::kWeights;
  use.versions = 0;
  uint64_t weights = 0, gradients = 0;
  for (use.rank = 0; use.rank < 4; ++use.rank) {
    const CardPlan card = plan_card(plan, use, 80 * kGiB, 0);
    weights += bytes_of(card, "training: own share of the weights");
    gradients += bytes_of(card, "training: gradients");
    // The embedding and the head are larger than a layer.
    const uint64_t head = 256 * 64;
    CHECK(bytes_of(card, "training: weights of layers, gathered") >= 2 * 2 * head);
    CHECK(bytes_of(card, "training: gradients of layers, gathered") >= 4 * head);
  }
  CHECK(weights == 2 * layout.size);
  CHECK(gradients == 4 * layout.size);
}

TEST_CASE("card plan: a refusal says what would help") {
  const Plan plan(small_config());
  CardUse use;
  use.trainer = {.micro_batch_tokens = 1000, .lanes = 1};
  use.versions = 4;
  use.kv_share = 0.5;
  const auto refusal = [&] { return plan_card(plan, use, 1000, 0).refusal(use); };
  const auto helps = [&](const std::string& what) {
    return refusal().find("what helps: ") < refusal().find(what) &&
           refusal().find(what) != std::string::npos;
  };
  CHECK(refusal().find("does not fit: it takes ") == 0);
  CHECK(helps("more train.ranks"));
  CHECK(helps("train.max_age = 0"));
  CHECK(helps("a smaller engine.kv_share"));
  CHECK_FALSE(helps("fewer rollout.slots"));
  use.ranks = 2;
  CHECK(helps("train.zero = 3"));
  use.trainer.reset();
  use.decoders = 1;
  use.decoder = {.slots = 4, .context_max = 64};
  CHECK(helps("fewer rollout.slots"));
  CHECK_FALSE(helps("train."));
}

namespace {

uint64_t taken(const gpu::Device& device) {
  return device.info().memory - device.info().memory_free;
}

bool is_emulated(const gpu::Device& device) {
  return device.info().name.find("emulated") == 0;
}

/// Of what is there for good, and on this card: emulated streams have no workspace, a real card's
/// plan has one for a stream that comes and goes.
uint64_t lasting(const CardPlan& card, const gpu::Device& device) {
  return card.used() - bytes_of(card, "driver, kernels, graphs") -
         bytes_of(card, "staging of weights") -
         (is_emulated(device) ? bytes_of(card, "workspaces of products") : gpu::kWorkspaceBytes);
}

/// A batch's tokens and positions are not planned, prefills take theirs as they come; a real card
/// gives out pages of 2 MiB.
void require_planned(const gpu::Device& device, uint64_t before, uint64_t planned) {
  const uint64_t allocated = taken(device) - before;
  const uint64_t apart = is_emulated(device) ? 1 << 20 : (1 << 25) + planned / 50;
  CAPTURE(allocated, planned);
  CHECK(allocated < planned + apart);
  CHECK(allocated + apart > planned);
}

struct Fixture {
  ModelConfig config = test::model_config({.vocab = 3000,
                                           .hidden = 128,
                                           .layers = 3,
                                           .heads = 4,
                                           .kv_heads = 2,
                                           .head_dim = 32,
                                           .ffn = 256,
                                           .tied = false});
  std::shared_ptr<const Policy> policy =
      std::make_shared<const Policy>(test::random_weights(config, test::seed()), 0);
  CardUse use;
  Fixture() {
    use.decoder = {.slots = 40, .context_max = 256};
    use.trainer = {.micro_batch_tokens = 3000, .lanes = 1, .sequence_max = 255};
  }
  std::vector<TrainItem> items() const {
    env::KeyedRandom random(test::seed(), env::Purpose::kData, 83);
    std::vector<TrainItem> all;
    for (int i = 0; i < 30; ++i)
      all.push_back({test::random_tokens(random, 50, config.vocab_size),
                     test::random_tokens(random, 100, config.vocab_size), 1});
    return all;
  }
};

const LossGradient kCrossEntropy = [](const ScoredTokens&, std::span<float> g) {
  std::fill(g.begin(), g.end(), -0.01f);
};

}  // namespace

TEST_CASE_METHOD(Fixture, "device: what is planned is what is allocated") {
  const auto device = test::card();
  use.decoders = 2;
  use.sequence_max = 255;
  const uint64_t before = taken(*device);
  const CardPlan card = plan_card(policy->plan(), use, *device);
  REQUIRE(card.fits());
  const auto model = DeviceModel::make(device, policy->shared_plan());
  DeviceTrainer trainer(model, policy, {}, *use.trainer);
  DeviceScorer scorer(model, use.sequence_max);
  DeviceGenerator first(model, policy, use.decoder, card.pages);
  DeviceGenerator second(model, policy, use.decoder, card.pages);
  require_planned(*device, before, lasting(card, *device));
  trainer.step(items(), kCrossEntropy, 1e-3);
  first.install(trainer.policy());
  second.install(trainer.policy());
  use.versions = 2;  // The generators had the first one while the second was made.
  require_planned(*device, before,
                  lasting(plan_card(policy->plan(), use, card.memory, 0), *device));
}

TEST_CASE_METHOD(Fixture, "device: what is planned where the backward computes again, too") {
  const auto device = test::card();
  const uint64_t before = taken(*device);
  const uint64_t all = plan_card(policy->plan(), use, *device).used();
  const CardPlan card = plan_card(policy->plan(), use, all - 1, before + kLazyBytes);
  REQUIRE(card.fits());
  REQUIRE(card.recomputed_layers > 0);
  const auto model = DeviceModel::make(device, policy->shared_plan());
  DeviceTrainer trainer(model, policy, {}, *use.trainer, Zero::kOptimizer, {},
                        card.recomputed_layers);
  for (int step = 0; step < 2; ++step) trainer.step(items(), kCrossEntropy, 1e-3);
  require_planned(*device, before, lasting(card, *device));
}

TEST_CASE_METHOD(Fixture, "cards: what is planned of each is what it allocates") {
  const auto devices = test::cards(3);
  const Zero zero = GENERATE(Zero::kOptimizer, Zero::kWeights);
  CAPTURE(zero);
  use.exchanges = true;
  use.ranks = 2;
  use.zero = zero;
  std::vector<CardUse> uses(3, use);
  uses[1].rank = 1;
  if (zero == Zero::kWeights) uses[0].versions = 0;
  uses[2].trainer.reset();
  std::vector<uint64_t> before, planned;
  for (size_t i = 0; i < 3; ++i) {
    before.push_back(taken(*devices[i]));
    const CardPlan card = plan_card(policy->plan(), uses[i], *devices[i]);
    planned.push_back(lasting(card, *devices[i]) - bytes_of(card, "collectives"));
  }
  std::vector<std::shared_ptr<DeviceModel>> models;
  for (const auto& device : devices)
    models.push_back(DeviceModel::make(device, policy->shared_plan()));
  const collective::ThreadGroup group(2, {});
  CardsTrainer trainer({{models[0], models[1]}, {models[2]}, {false, true}}, policy, {},
                       *use.trainer, zero, {group.rank(0), group.rank(1)},
                       std::chrono::seconds(60));
  for (int step = 0; step < 3; ++step) trainer.step(items(), kCrossEntropy, 1e-3);
  for (size_t i = 0; i < 3; ++i) {
    CAPTURE(i);
    require_planned(*devices[i], before[i], planned[i]);
  }
}
