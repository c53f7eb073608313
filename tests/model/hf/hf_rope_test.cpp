// Goal: rotary positions are read alike in both spellings of the Hub, survive being written, and
// what does not fit is named.
// Method: documents by hand. (Frequencies themselves: tests/model/engine/rope_test.cpp.)

#include "model/hf/hf_rope.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <nlohmann/json.hpp>

#include "model/hf/hf_config.hpp"
#include "runtime/base/error.hpp"

using namespace thespis;
using namespace thespis::model;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::WithinRel;
using nlohmann::json;

namespace {

const json kLlama3 = {{"factor", 8.0},
                      {"low_freq_factor", 1.0},
                      {"high_freq_factor", 4.0},
                      {"original_max_position_embeddings", 8192},
                      {"rope_type", "llama3"}};
const json kYarn = {{"factor", 4.0}, {"original_max_position_embeddings", 32768}, {"type", "yarn"}};

json document(const json& more) {
  json d = {{"model_type", "llama"},           {"vocab_size", 64},       {"hidden_size", 16},
            {"intermediate_size", 24},         {"num_hidden_layers", 1}, {"num_attention_heads", 2},
            {"max_position_embeddings", 32768}};
  d.update(more);
  return d;
}

ModelConfig read(const json& more) {
  const ModelConfig config = config_from_json(document(more).dump(), "c.json");
  CHECK(config_from_json(config_to_json(config), "again") == config);
  return config;
}

std::string refusal(const json& scaling) {
  try {
    config_from_json(document({{"rope_scaling", scaling}}).dump(), "c.json");
  } catch (const InputError& e) {
    return e.what();
  }
  return "(accepted)";
}

json with(json object, const char* key, const json& value) {
  object[key] = value;
  return object;
}

}  // namespace

TEST_CASE("rope: theta and scaling in both spellings are the same model") {
  CHECK(read(json::object()).rope_theta == 10000);
  CHECK(read({{"rope_theta", 1e6}}).rope_theta == 1e6);
  CHECK(read({{"rope_parameters", {{"rope_type", "default"}, {"rope_theta", 5e5}}}}).rope_theta ==
        5e5);
  for (const json& scaling : {kLlama3, kYarn}) {
    const ModelConfig old = read({{"rope_theta", 5e5}, {"rope_scaling", scaling}});
    const ModelConfig now = read({{"rope_parameters", with(scaling, "rope_theta", 5e5)}});
    CHECK(old == now);
    CHECK(old.rope_theta == 5e5);
    CHECK(old.rope_scaling.kind != RopeScaling::Kind::kNone);
  }
  // transformers prefers rope_scaling, and takes an empty one for none.
  CHECK(read({{"rope_scaling", kLlama3}, {"rope_parameters", kYarn}}).rope_scaling.kind ==
        RopeScaling::Kind::kLlama3);
  CHECK(read({{"rope_scaling", json::object()}, {"rope_parameters", kYarn}}).rope_scaling.kind ==
        RopeScaling::Kind::kYarn);
}

TEST_CASE("rope: the numbers of Llama 3") {
  const ModelConfig c = read({{"rope_scaling", kLlama3}});
  CHECK(c.rope_scaling.factor == 8);
  CHECK(c.rope_scaling.original_context == 8192);
  CHECK(c.rope_scaling.low_freq_factor == 1);
  CHECK(c.rope_scaling.high_freq_factor == 4);
  CHECK(c.context_max == 32768);
}

TEST_CASE("rope: the numbers of YaRN, given and derived") {
  const ModelConfig c = read({{"rope_scaling", kYarn}});
  CHECK(c.rope_scaling.beta_fast == 32);
  CHECK(c.rope_scaling.beta_slow == 1);
  CHECK_THAT(c.rope_scaling.attention_factor, WithinRel(1.1386294361119891, 1e-12));
  CHECK(c.context_max == 131072);  // 4 * 32768, beyond max_position_embeddings.

  const ModelConfig given = read({{"rope_scaling", with(kYarn, "attention_factor", 0.5)}});
  CHECK(given.rope_scaling.attention_factor == 0.5);
  json two_scales = with(with(kYarn, "mscale", 1.0), "mscale_all_dim", 1.0);
  CHECK(read({{"rope_scaling", two_scales}}).rope_scaling.attention_factor == 1);
  two_scales["mscale"] = 0.707;
  CHECK_THAT(read({{"rope_scaling", two_scales}}).rope_scaling.attention_factor,
             WithinRel((0.0707 * 1.3862943611198906 + 1) / (0.1 * 1.3862943611198906 + 1), 1e-12));
  CHECK_FALSE(read({{"rope_scaling", with(kYarn, "truncate", false)}}).rope_scaling.truncate);

  json derived = {{"rope_type", "yarn"}, {"original_max_position_embeddings", 4096}};
  CHECK(read({{"rope_scaling", derived}}).rope_scaling.factor == 8);
  derived.erase("original_max_position_embeddings");
  derived["factor"] = 2;
  CHECK(read({{"rope_scaling", derived}}).rope_scaling.original_context == 32768);
}

TEST_CASE("rope: what does not fit is named") {
  CHECK_THAT(refusal({{"rope_type", "longrope"}}), ContainsSubstring("\"longrope\" is not"));
  CHECK_THAT(refusal(with(kYarn, "partial_rotary_factor", 0.5)),
             ContainsSubstring("rope_scaling.partial_rotary_factor"));
  CHECK_THAT(refusal(with(kYarn, "factor", 0.5)), ContainsSubstring("rope_scaling.factor must be"));
  CHECK_THAT(refusal(with(kYarn, "factor", "4")), ContainsSubstring("rope_scaling.factor must be"));
  CHECK_THAT(refusal(with(kYarn, "beta_fast", 0.5)), ContainsSubstring("beta_slow must be less"));
  CHECK_THAT(refusal(with(kLlama3, "high_freq_factor", 1)),
             ContainsSubstring("low_freq_factor must be less than high_freq_factor"));
  json missing = kLlama3;
  missing.erase("low_freq_factor");
  CHECK_THAT(refusal(missing), ContainsSubstring("rope_scaling.low_freq_factor is missing"));
  CHECK_THAT(refusal("yarn"), ContainsSubstring("rope_scaling must be an object"));
}
