// Goal: the generator is Philox4x32-10, and draws are functions of their keys alone (SEED).
// Method: the known answers of the Random123 distribution (kat_vectors), moments, and the order of
// draws turned round.

#include "runtime/env/random.hpp"

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <set>
#include <vector>

using namespace thespis::env;

TEST_CASE("random: Philox4x32-10 gives the known answers", "[env]") {
  using Block = std::array<uint32_t, 4>;
  CHECK(philox(0, {0, 0, 0, 0}) == Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(philox(UINT64_MAX, {UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX}) ==
        Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox(0x299f31d0a4093822, {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}) ==
        Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("SEED: a draw depends on its key, never on who drew before", "[env]") {
  std::vector<float> forwards, backwards;
  for (uint32_t position = 0; position < 100; ++position)
    forwards.push_back(uniform_at(7, Purpose::kSampling, 3, 2, position));
  for (uint32_t position = 100; position-- > 0;) {
    uniform_at(7, Purpose::kSampling, 4, 2, position);  // Another prompt's draws in between.
    backwards.insert(backwards.begin(), uniform_at(7, Purpose::kSampling, 3, 2, position));
  }
  CHECK(forwards == backwards);
  CHECK(uniform_at(7, Purpose::kSampling, 3, 2, 0) != uniform_at(8, Purpose::kSampling, 3, 2, 0));
  CHECK(uniform_at(7, Purpose::kSampling, 3, 2, 0) != uniform_at(7, Purpose::kData, 3, 2, 0));
  CHECK(uniform_at(7, Purpose::kSampling, 3, 2, 0) != uniform_at(7, Purpose::kSampling, 3, 3, 0));
}

TEST_CASE("random: uniform, bounded and normal draws have their moments", "[env]") {
  KeyedRandom random(1, Purpose::kData, 5);
  constexpr int kDraws = 200'000;
  double sum = 0, normal_sum = 0, normal_squares = 0;
  std::vector<int> counts(6);
  for (int i = 0; i < kDraws; ++i) {
    const double u = random.uniform(), z = random.normal();
    REQUIRE((u >= 0 && u < 1));
    sum += u;
    normal_sum += z;
    normal_squares += z * z;
    ++counts[random.below(6)];
  }
  // Five standard errors of each mean.
  CHECK(sum / kDraws == Catch::Approx(0.5).margin(5 * 0.2887 / std::sqrt(kDraws)));
  CHECK(normal_sum / kDraws == Catch::Approx(0).margin(5 / std::sqrt(kDraws)));
  CHECK(normal_squares / kDraws == Catch::Approx(1).margin(5 * 1.4142 / std::sqrt(kDraws)));
  for (const int count : counts)
    CHECK(count == Catch::Approx(kDraws / 6.0).margin(5 * std::sqrt(kDraws / 6.0)));
}
