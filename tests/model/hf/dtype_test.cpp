// Goal: float32 becomes the nearest half or bfloat, ties to even, and what is too large is refused.
// Method: every pattern of 16 bits there and back; values at and beside the middle of neighbours.

#include "model/hf/dtype.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cmath>
#include <limits>
#include <vector>

#include "runtime/base/error.hpp"

using namespace thespis;
using namespace thespis::model;
using Catch::Matchers::ContainsSubstring;

namespace {

/// Checks that every finite pattern returns, and the rounding between each and its successor.
void check_format(float (*widen_one)(uint16_t), uint16_t (*narrow_one)(float), uint16_t infinity) {
  size_t wrong = 0;
  for (uint32_t bits = 0; bits < infinity; ++bits) {
    const auto low = static_cast<uint16_t>(bits), high = static_cast<uint16_t>(bits + 1);
    const float a = widen_one(low);
    wrong += narrow_one(a) != low;
    wrong += narrow_one(-a) != static_cast<uint16_t>(low | 0x8000);
    if (high == infinity) break;
    const float b = widen_one(high);
    const float middle = a + (b - a) / 2;  // Exact: one bit more than the format has.
    wrong += narrow_one(middle) != (bits % 2 == 0 ? low : high);
    wrong += narrow_one(std::nextafter(middle, a)) != low;
    wrong += narrow_one(std::nextafter(middle, b)) != high;
  }
  CHECK(wrong == 0);
}

}  // namespace

TEST_CASE("dtype: half and bfloat round to the nearest, ties to even") {
  check_format(half_to_float, float_to_half, 0x7c00);
  check_format(bfloat_to_float, float_to_bfloat, 0x7f80);
  CHECK(float_to_half(65519.99f) == 0x7bff);
  CHECK(float_to_half(65520.0f) == 0x7c00);
  CHECK(float_to_half(1e30f) == 0x7c00);
  CHECK(float_to_half(1e-9f) == 0);
}

TEST_CASE("dtype: a value that is too large is named") {
  const std::vector<float> values = {1, -7e4f};
  std::vector<std::byte> bytes(4);
  CHECK_THROWS_WITH(narrow(Dtype::kF16, values, bytes, "tensor x"),
                    ContainsSubstring("tensor x has the value -70000"));
  CHECK_NOTHROW(narrow(Dtype::kBF16, values, bytes, "tensor x"));
  const std::vector<float> huge = {1, std::numeric_limits<float>::max()};
  CHECK_THROWS_AS(narrow(Dtype::kBF16, huge, bytes, "tensor x"), InputError);
  CHECK_FALSE(dtype_of("F8_E4M3").has_value());
}
