// Goal: the halves of a float are the float again, and the upper one is its nearest bf16.
// Method: all patterns near ties and limits, random ones, against arithmetic in double.

#include "gpu/split_float.hpp"

#include <bit>
#include <catch2/catch_test_macros.hpp>
#include <cmath>

#include "runtime/env/random.hpp"
#include "tests/support/seeds.hpp"

using namespace thespis;

namespace {

void require_exact(uint32_t bits) {
  const gpu::SplitFloat s = gpu::split_float(bits);
  const auto value = static_cast<double>(std::bit_cast<float>(bits));
  if (std::isnan(value)) {
    REQUIRE(std::isnan(std::bit_cast<float>(gpu::join_float(s))));
    REQUIRE_FALSE(std::isfinite(std::bit_cast<float>(uint32_t{s.high} << 16)));
    return;
  }
  REQUIRE(gpu::join_float(s) == bits);
  if (!std::isfinite(value) || std::abs(value) > 3.3e38) return;
  const auto widened = [](uint32_t high) {
    return static_cast<double>(std::bit_cast<float>(high << 16));
  };
  const double error = std::abs(widened(s.high) - value);
  for (const uint32_t other : {s.high - 1u, s.high + 1u})
    if ((other & 0x7fff) != 0x7fff && ((other ^ s.high) & 0x8000) == 0)
      REQUIRE(error <= std::abs(widened(other & 0xffff) - value));
}

}  // namespace

TEST_CASE("split float: joins to the same bits, and rounds to the nearest") {
  CAPTURE(test::seed());
  for (uint32_t high = 0; high < 0x10000; ++high)
    for (const uint32_t low : {0u, 1u, 0x7fffu, 0x8000u, 0x8001u, 0xffffu})
      require_exact(high << 16 | low);
  env::KeyedRandom random(test::seed(), env::Purpose::kData, 90);
  for (int i = 0; i < 1'000'000; ++i)
    require_exact(random.below(0x10000) << 16 | random.below(0x10000));
}

TEST_CASE("split float: a tie rounds away from zero") {
  CHECK(gpu::split_float(0x3f808000).high == 0x3f81);
  CHECK(gpu::split_float(0xbf818000).high == 0xbf82);
  CHECK(gpu::split_float(0x3f807fff).high == 0x3f80);
}
