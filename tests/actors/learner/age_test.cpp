// Goal: the promise AGE at its lowest place: no token over the bound leaves with mask 1.
// Method: versions by hand, then random ones against the definition.

#include "actors/learner/age.hpp"

#include <catch2/catch_test_macros.hpp>

#include "runtime/env/random.hpp"
#include "tests/support/seeds.hpp"

using namespace thespis;
using namespace thespis::learner;

TEST_CASE("age: a rollout that spans three versions under max_age 1") {
  AgeStatistics statistics;
  const std::vector<uint64_t> versions = {7, 7, 8, 9, 9};
  CHECK(age_mask(versions, 9, 1, statistics) == std::vector<uint8_t>{0, 0, 1, 1, 1});
  CHECK(statistics.tokens == 5);
  CHECK(statistics.too_old == 2);
  CHECK(statistics.age_max == 1);
  CHECK(statistics.age_mean() == 1.0 / 3);
}

TEST_CASE("age: max_age 0 takes the learner's own version only") {
  AgeStatistics statistics;
  CHECK(age_mask(std::vector<uint64_t>{3, 4}, 4, 0, statistics) == std::vector<uint8_t>{0, 1});
}

TEST_CASE("age: a version from the future is masked, without wrapping round") {
  AgeStatistics statistics;
  CHECK(age_mask(std::vector<uint64_t>{5, ~0ull}, 4, 100, statistics) ==
        std::vector<uint8_t>{0, 0});
  CHECK(statistics.too_old == 2);
  CHECK(statistics.age_mean() == 0);
}

TEST_CASE("age: random versions, statistics over several rollouts") {
  const uint64_t seed = test::seed();
  CAPTURE(seed);
  env::KeyedRandom random(seed, env::Purpose::kData, 2);
  AgeStatistics statistics;
  uint64_t kept = 0, refused = 0;
  for (int round = 0; round < 300; ++round) {
    const uint64_t learner = random.below(12), bound = random.below(4);
    std::vector<uint64_t> versions(random.below(20));
    for (auto& v : versions) v = random.below(14);
    const auto mask = age_mask(versions, learner, bound, statistics);
    REQUIRE(mask.size() == versions.size());
    for (size_t i = 0; i < mask.size(); ++i) {
      const int64_t age = static_cast<int64_t>(learner) - static_cast<int64_t>(versions[i]);
      CHECK(mask[i] == (age >= 0 && age <= static_cast<int64_t>(bound)));
      (mask[i] != 0 ? kept : refused) += 1;
    }
  }
  CHECK((kept > 0 && refused > 0));
  CHECK(statistics.tokens == kept + refused);
  CHECK(statistics.too_old == refused);
  CHECK(statistics.age_max == 3);
}
