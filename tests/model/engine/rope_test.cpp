// Goal: pairs turn as fast as the papers and `transformers` say, and far positions lose nothing.
// Method: frequencies that `transformers` computed (tests/golden/make_goldens.py), properties of
// the formulas, and angles in extended precision.

#include "model/engine/rope.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <cmath>

using namespace thespis::model;
using Catch::Matchers::WithinRel;

namespace {

ModelConfig llama31() {
  ModelConfig c;
  c.head_dim = 128;
  c.rope_theta = 5e5;
  c.context_max = 131072;
  c.rope_scaling = {.kind = RopeScaling::Kind::kLlama3, .factor = 8, .original_context = 8192};
  return c;
}

ModelConfig yarn() {
  ModelConfig c;
  c.head_dim = 128;
  c.rope_theta = 1e6;
  c.context_max = 131072;
  c.rope_scaling = {.kind = RopeScaling::Kind::kYarn,
                    .factor = 4,
                    .original_context = 32768,
                    .attention_factor = yarn_attention_factor(4)};
  return c;
}

}  // namespace

TEST_CASE("rope: Llama 3 keeps short waves, slows long ones, and blends between") {
  const ModelConfig c = llama31();
  ModelConfig plain = c;
  plain.rope_scaling = {};
  const auto scaled = rope_frequencies(c), bare = rope_frequencies(plain);
  int kept = 0, slowed = 0, blended = 0;
  for (size_t i = 0; i < scaled.size(); ++i) {
    const double ratio = bare[i] / scaled[i];
    kept += ratio == 1;
    slowed += ratio == 8;
    blended += ratio > 1 && ratio < 8;
  }
  CHECK(kept == 29);    // Waves shorter than 8192 / 4 positions.
  CHECK(slowed == 29);  // Longer than 8192.
  CHECK(blended == 6);
  CHECK(kept + slowed + blended == 64);
}

TEST_CASE("rope: YaRN blends from pair to pair and scales cos and sin") {
  const ModelConfig c = yarn();
  const auto scaled = rope_frequencies(c);
  // beta_fast 32: pair floor(23.59...) = 23; beta_slow 1: pair ceil(39.65...) = 40.
  for (const uint32_t i : {0u, 10u, 23u}) CHECK(scaled[i] == std::pow(1e6, -2.0 * i / 128));
  for (const uint32_t i : {40u, 50u, 63u})
    CHECK_THAT(scaled[i], WithinRel(std::pow(1e6, -2.0 * i / 128) / 4, 1e-14));
  const double slowed = (30 - 23) / 17.0;
  CHECK_THAT(scaled[30], WithinRel(std::pow(1e6, -60.0 / 128) * (1 - slowed * 0.75), 1e-12));
  ModelConfig small = c;
  small.context_max = 4;
  const auto table = make_rope_table(small);
  CHECK(table.data()[0] == static_cast<float>(1.0 + 0.1 * std::log(4.0)));
  CHECK(yarn_attention_factor(1) == 1);
}

TEST_CASE("rope: angles of position 131071 are right to float32") {
  const ModelConfig c = llama31();
  const auto table = make_rope_table(c);
  const auto frequencies = rope_frequencies(c);
  for (const uint32_t position : {1u, 8191u, 65537u, 131071u})
    for (uint32_t i = 0; i < 64; ++i) {
      const long double angle = static_cast<long double>(position) * frequencies[i];
      const float* row = table.data() + uint64_t{position} * 128;
      CHECK(std::abs(double{row[i]} - static_cast<double>(std::cos(angle))) < 6e-8);
      CHECK(std::abs(double{row[64 + i]} - static_cast<double>(std::sin(angle))) < 6e-8);
    }
}
