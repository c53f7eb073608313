// Ranks that share a step (TR-1 to TR-3): any number of them gives the bits of one, for ragged
// items, for fewer micro-batches than ranks, after refusals and from a checkpoint; a rank that does
// not come is named.

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cstring>
#include <limits>
#include <map>

#include "model/engine/trainer.hpp"
#include "runtime/collective/thread_group.hpp"
#include "tests/model/engine/models.hpp"
#include "tests/support/ranks.hpp"
#include "tests/support/seeds.hpp"

using namespace thespis;
using namespace thespis::model;
using test::random_items;
using test::same_bits;

namespace {

/// A loss that differs from item to item.
void loss(const ScoredTokens& known, std::span<float> dloss) {
  std::fill(dloss.begin(), dloss.end(), -0.01f * static_cast<float>(1 + known.item % 3));
}

struct Setup {
  ModelConfig config;
  std::shared_ptr<const Policy> policy;
  AdamWOptions options{.weight_decay = 0.1};
  TrainerLimits limits{.micro_batch_tokens = 128, .lanes = 4};

  explicit Setup(const test::ModelShape& shape = {})
      : config(test::model_config(shape)),
        policy(std::make_shared<const Policy>(test::random_weights(config, test::seed()), 3)) {}
};

/// Trainers of all ranks, which act together.
class Group {
 public:
  Group(const Setup& setup, uint32_t ranks, Zero zero = Zero::kOptimizer)
      : zero_(zero),
        pool_(2),
        group_(ranks, {.deadline = std::chrono::seconds(60), .clock = nullptr}) {
    for (uint32_t r = 0; r < ranks; ++r)
      trainers_.push_back(std::make_unique<Trainer>(setup.policy, setup.options, setup.limits,
                                                    pool_, group_.rank(r), zero));
  }
  std::vector<test::Ended> on_all(const std::function<void(uint32_t, Trainer&)>& work) {
    return test::run_ranks(static_cast<uint32_t>(trainers_.size()),
                           [&](uint32_t r) { work(r, *trainers_[r]); });
  }
  /// The norm of the gradient, alike on all ranks.
  double step(std::span<const TrainItem> items) {
    std::vector<double> norms(trainers_.size());
    for (const auto& ended : on_all([&](uint32_t r, Trainer&trainer) {
           norms[r] = trainer.step(items, loss, 1e-2).grad_norm;
         }))
      REQUIRE(ended.error.empty());
    for (const double norm : norms) REQUIRE(norm == norms[0]);
    return norms[0];
  }
  struct Moments {
    std::vector<float> first, second;
  };
  Moments moments() {
    std::vector<Moments> all(trainers_.size());
    for (const auto& ended : on_all([&](uint32_t r, Trainer&trainer) {
           const auto m = trainer.first_moment(), v = trainer.second_moment();
           all[r] = {{m.begin(), m.end()}, {v.begin(), v.end()}};
         }))
      REQUIRE(ended.error.empty());
    for (size_t r = 1; r < all.size(); ++r) REQUIRE(all[r].first.empty());
    return all[0];
  }
  Trainer& rank(uint32_t r) { return *trainers_[r]; }
  /// Ranks whose policies have weights.
  uint32_t with_weights() const {
    return zero_ == Zero::kWeights ? 1 : static_cast<uint32_t>(trainers_.size());
  }
  collective::ThreadGroup& group() { return group_; }

 private:
  const Zero zero_;
  gpu::ThreadPool pool_;
  collective::ThreadGroup group_;
  std::vector<std::unique_ptr<Trainer>> trainers_;
};

void check_same_policies(Group& group, const Policy& expected) {
  for (uint32_t r = 0; r < group.with_weights(); ++r) {
    CHECK(group.rank(r).policy()->version() == expected.version());
    CHECK(
        same_bits(group.rank(r).policy()->weights().arena.span(), expected.weights().arena.span()));
  }
}

}  // namespace

TEST_CASE("ranks: one, two, three and four give the same bits") {
  const auto zero = GENERATE(Zero::kOptimizer, Zero::kWeights);
  for (const test::ModelShape& shape : test::family_shapes()) {
    const Setup setup(shape);
    Group one(setup, 1, zero);
    std::map<uint32_t, std::unique_ptr<Group>> groups;
    for (const uint32_t ranks : {2u, 3u, 4u, 6u})
      groups.emplace(ranks, std::make_unique<Group>(setup, ranks, zero));
    // Several rounds of micro-batches; one; fewer micro-batches than ranks; a single item.
    const uint32_t counts[] = {40, 9, 2, 1};
    for (uint64_t step = 0; step < 4; ++step) {
      const auto items = random_items(step, counts[step], setup.config.vocab_size);
      const double norm = one.step(items);
      for (auto& [ranks, group] : groups) CHECK(group->step(items) == norm);
    }
    const auto moments = one.moments();
    for (auto& [ranks, group] : groups) {
      CAPTURE(ranks);
      check_same_policies(*group, *one.rank(0).policy());
      CHECK(same_bits(group->moments().first, moments.first));
      CHECK(same_bits(group->moments().second, moments.second));
    }
  }
}

TEST_CASE("ranks: each keeps the moments of its range alone, and computes its items alone") {
  const auto zero = GENERATE(Zero::kOptimizer, Zero::kWeights);
  const Setup setup;
  Group group(setup, 4, zero);
  const auto items = random_items(0, 20, setup.config.vocab_size);
  std::vector<std::vector<size_t>> seen(4);
  std::mutex mutex;
  group.on_all([&](uint32_t r, Trainer& trainer) {
    trainer.step(
        items,
        [&](const ScoredTokens& known, std::span<float> dloss) {
          loss(known, dloss);
          const std::lock_guard lock(mutex);
          seen[r].push_back(known.item);
        },
        1e-2);
  });
  std::vector<int> times(items.size());
  for (const auto& of_rank : seen) {
    CHECK_FALSE(of_rank.empty());
    for (const size_t item : of_rank) ++times[item];
  }
  for (size_t i = 0; i < items.size(); ++i) CHECK(times[i] == !items[i].completion.empty());
}

TEST_CASE("ranks: ZeRO-1 and ZeRO-3 are the same where the micro-batches fit the lanes") {
  for (const test::ModelShape& shape : test::family_shapes()) {
    const Setup setup(shape);
    Group one(setup, 1), shared(setup, 3, Zero::kWeights);
    for (uint64_t step = 0; step < 3; ++step) {
      const auto items = random_items(step, 10, setup.config.vocab_size);
      CHECK(shared.step(items) == one.step(items));
    }
    check_same_policies(shared, *one.rank(0).policy());
  }
}

TEST_CASE("ranks: with ZeRO-3 a policy of another rank than the first has no weights to give") {
  const Setup setup;
  Group group(setup, 2, Zero::kWeights);
  CHECK(group.rank(1).policy()->version() == 3);
  group.step(random_items(0, 10, setup.config.vocab_size));
  CHECK(group.rank(1).policy()->version() == 4);
  CHECK(test::ended([&] { group.rank(1).policy()->weights(); }).error ==
        "rank 1 has its part of the weights alone");
}

TEST_CASE("ranks: what each found of its items comes to the first") {
  const auto zero = GENERATE(Zero::kOptimizer, Zero::kWeights);
  const Setup setup;
  for (const uint32_t count : {40u, 9u, 2u}) {
    Group group(setup, 3, zero);
    const auto items = random_items(count, count, setup.config.vocab_size);
    std::vector<std::vector<uint32_t>> found(3, std::vector<uint32_t>(count));
    for (const auto& ended : group.on_all([&](uint32_t r, Trainer&trainer) {
           trainer.step(
               items,
               [&](const ScoredTokens& known, std::span<float> dloss) {
                 loss(known, dloss);
                 found[r][known.item] = static_cast<uint32_t>(known.item) + 1;
               },
               1e-2);
           trainer.gather_items(std::as_writable_bytes(std::span(found[r])));
         }))
      REQUIRE(ended.error.empty());
    for (uint32_t i = 0; i < count; ++i)
      CHECK(found[0][i] == (items[i].completion.empty() ? 0 : i + 1));
  }
}

TEST_CASE("ranks: a checkpoint of three goes on in two") {
  const auto zero = GENERATE(Zero::kOptimizer, Zero::kWeights);
  const Setup setup;
  Group one(setup, 1, zero), three(setup, 3), two(setup, 2, zero);
  const auto first = random_items(0, 9, setup.config.vocab_size);
  const auto second = random_items(1, 9, setup.config.vocab_size);
  one.step(first);
  one.step(second);
  three.step(first);
  const auto moments = three.moments();
  const auto policy = three.rank(0).policy();
  for (const auto& ended : two.on_all([&](uint32_t, Trainer& trainer) {
         trainer.restore(policy, moments.first, moments.second, 1);
       }))
    REQUIRE(ended.error.empty());
  two.step(second);
  check_same_policies(two, *one.rank(0).policy());
}

TEST_CASE("ranks: a step that one refuses is taken by none") {
  const auto zero = GENERATE(Zero::kOptimizer, Zero::kWeights);
  const Setup setup;
  Group one(setup, 1, zero), three(setup, 3, zero);
  const auto items = random_items(0, 12, setup.config.vocab_size);
  const auto bad_loss = [](size_t item, float value) -> LossGradient {
    return [item, value](const ScoredTokens& known, std::span<float> dloss) {
      loss(known, dloss);
      if (known.item >= item) std::fill(dloss.begin(), dloss.end(), value);
    };
  };
  // The loss of late items, which are not rank 0's; a gradient that overflows in a sum.
  for (const LossGradient& bad :
       {bad_loss(11, std::numeric_limits<float>::quiet_NaN()), bad_loss(0, 3e38f)}) {
    const auto expected =
        one.on_all([&](uint32_t, Trainer& trainer) { trainer.step(items, bad, 1e-2); });
    REQUIRE_FALSE(expected[0].error.empty());
    for (const auto& ended :
         three.on_all([&](uint32_t, Trainer& trainer) { trainer.step(items, bad, 1e-2); }))
      CHECK(ended.error == expected[0].error);
  }
  // Nothing has changed: the next step is the first.
  CHECK(three.rank(1).step_count() == 0);
  CHECK(one.step(items) == three.step(items));
  check_same_policies(three, *one.rank(0).policy());
}

TEST_CASE("ranks: the step fails on all where one gives up or does not come") {
  const Setup setup;
  Group group(setup, 3);
  const auto items = random_items(0, 12, setup.config.vocab_size);
  group.step(items);
  const auto results = group.on_all([&](uint32_t r, Trainer& trainer) {
    if (r != 2) trainer.step(items, loss, 1e-2);
    while (r == 2 && group.group().waiting() < 2) std::this_thread::yield();
    if (r == 2) group.group().rank(2)->abort("its card fell off");
  });
  for (const uint32_t r : {0u, 1u})
    CHECK(results[r].error == "rank 2 of 3 gave up: its card fell off");
}
