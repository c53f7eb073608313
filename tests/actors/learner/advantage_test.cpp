// Goal: advantages, dynamic sampling and overlong shaping are the formulas of their papers.
// Method: groups worked out by hand, PyTorch goldens (tests/golden/make_loss_goldens.py),
// identities.

#include "actors/learner/advantage.hpp"

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "runtime/base/error.hpp"
#include "runtime/env/random.hpp"
#include "tests/support/goldens.hpp"
#include "tests/support/seeds.hpp"

using namespace thespis;
using namespace thespis::learner;
using Catch::Approx;
using config::AdvEstimator;

namespace {

constexpr std::array kEstimators = {AdvEstimator::kGrpo, AdvEstimator::kDrGrpo,
                                    AdvEstimator::kRloo};

}  // namespace

TEST_CASE("advantage: a group worked out by hand") {
  // Mean 0.25, deviations 0.75 and three of -0.25: sum of squares 0.75, sample variance 0.25.
  const std::vector<float> rewards = {1, 0, 0, 0};
  const auto grpo = group_advantages(AdvEstimator::kGrpo, rewards);
  CHECK(grpo[0] == Approx(1.5).epsilon(1e-5));
  CHECK(grpo[1] == Approx(-0.5).epsilon(1e-5));
  CHECK(group_advantages(AdvEstimator::kDrGrpo, rewards) ==
        std::vector<float>{0.75f, -0.25f, -0.25f, -0.25f});
  const auto rloo = group_advantages(AdvEstimator::kRloo, rewards);
  CHECK(rloo[0] == Approx(1.0));
  CHECK(rloo[1] == Approx(-1.0 / 3));
}

TEST_CASE("advantage: equal rewards give exact zeros, also where their mean rounds") {
  for (const auto estimator : kEstimators) {
    for (const size_t size : {0u, 1u, 2u, 7u, 16u}) {
      const std::vector<float> rewards(size, 0.1f);
      CHECK(group_advantages(estimator, rewards) == std::vector<float>(size, 0.0f));
    }
  }
}

TEST_CASE("advantage: the numbers of PyTorch") {
  const auto goldens = test::goldens("loss_goldens.json");
  size_t compared = 0;
  for (const auto& group : goldens["groups"]) {
    const auto rewards = group["rewards"].get<std::vector<float>>();
    const std::array names = {"grpo", "dr_grpo", "rloo"};
    for (size_t e = 0; e < kEstimators.size(); ++e) {
      const auto ours = group_advantages(kEstimators[e], rewards);
      const auto expected = group[names[e]].get<std::vector<double>>();
      REQUIRE(ours.size() == expected.size());
      for (size_t i = 0; i < ours.size(); ++i, ++compared)  // Float32 rounding of the result.
        CHECK(ours[i] == Approx(expected[i]).epsilon(1e-6).margin(1e-7));
    }
  }
  CHECK(compared == 48);
}

TEST_CASE("advantage: invariances of random groups") {
  const uint64_t seed = test::seed();
  CAPTURE(seed);
  env::KeyedRandom random(seed, env::Purpose::kData, 1);
  for (int round = 0; round < 200; ++round) {
    std::vector<float> rewards(2 + random.below(15));
    for (float& r : rewards) r = static_cast<float>(random.below(3)) * 0.5f;
    std::vector<float> moved = rewards;
    for (float& r : moved) r = 4 * r + 2;  // Exact in float32.
    for (const auto estimator : kEstimators) {
      const auto a = group_advantages(estimator, rewards), b = group_advantages(estimator, moved);
      double sum = 0;
      for (size_t i = 0; i < a.size(); ++i) {
        sum += a[i];
        const double scale = estimator == AdvEstimator::kGrpo ? 1 : 4;
        CHECK(b[i] == Approx(scale * a[i]).epsilon(1e-4).margin(1e-6));  // epsilon beside std.
      }
      CHECK(std::abs(sum) < 1e-5);
    }
  }
}

TEST_CASE("advantage: a reward that is no number is an error, not a NaN in the weights") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinity = std::numeric_limits<float>::infinity();
  for (const auto estimator : kEstimators) {
    CHECK_THROWS_AS(group_advantages(estimator, std::vector<float>{nan, nan}), Error);
    CHECK_THROWS_AS(group_advantages(estimator, std::vector<float>{0.0f, infinity}), Error);
  }
}

TEST_CASE("dynamic sampling: a group is kept iff 0 < correct < G") {
  for (size_t correct = 0; correct <= 4; ++correct) {
    std::vector<float> values(4, 0.0f);
    std::fill_n(values.begin(), correct, 1.0f);
    CHECK(is_informative(values) == (correct > 0 && correct < 4));
  }
  CHECK_FALSE(is_informative({}));
  CHECK_FALSE(is_informative(std::vector<float>{0.3f}));
}

TEST_CASE("overlong shaping: the constants of DAPO") {
  constexpr uint32_t kMax = 20480, kBuffer = 4096;
  CHECK(overlong_reward(0, kMax, kBuffer, 1) == 0);
  CHECK(overlong_reward(16384, kMax, kBuffer, 1) == 0);
  CHECK(overlong_reward(16385, kMax, kBuffer, 1) == -1.0f / 4096);
  CHECK(overlong_reward(18432, kMax, kBuffer, 1) == -0.5f);
  CHECK(overlong_reward(20480, kMax, kBuffer, 1) == -1);
  CHECK(overlong_reward(30000, kMax, kBuffer, 1) == -1);
  CHECK(overlong_reward(20480, kMax, kBuffer, 0.25) == -0.25f);
  CHECK(overlong_reward(20480, kMax, 0, 1) == 0);
  CHECK(overlong_reward(5, 10, 10, 1) == -0.5f);
}
