#include "model/hf/hf_rope.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "model/engine/rope.hpp"
#include "model/hf/hf_config.hpp"
#include "runtime/base/error.hpp"

namespace thespis::model {
namespace {

constexpr double kThetaDefault = 10000;
constexpr double kThetaMin = 2, kThetaMax = 1e12;  // Wave lengths grow from pair to pair.
constexpr double kFactorMax = 1e4;
constexpr double kTurnsMin = 1e-3, kTurnsMax = 1e4;
constexpr double kAttentionFactorMin = 1e-3, kAttentionFactorMax = 100;

double required(const JsonFields& rope, const char* key, double min, double max) {
  const auto value = rope.number(key, min, max);
  if (!value) rope.refuse(key, "is missing");
  return *value;
}

/// Of the two spellings the one that says something; transformers prefers rope_scaling.
std::optional<JsonFields> rope_object(const JsonFields& fields) {
  for (const char* key : {"rope_scaling", "rope_parameters"}) {
    auto rope = fields.object(key);
    if (!rope || rope->value().empty()) continue;
    for (const auto& [name, value] : rope->value().items())
      if (value.is_object())
        fields.refuse(key, "has positions for each kind of layer, which is not supported");
    return rope;
  }
  return std::nullopt;
}

void read_llama3(const JsonFields& rope, RopeScaling& s) {
  s.low_freq_factor = required(rope, "low_freq_factor", kTurnsMin, kTurnsMax);
  s.high_freq_factor = required(rope, "high_freq_factor", kTurnsMin, kTurnsMax);
}

void read_yarn(const JsonFields& rope, RopeScaling& s) {
  s.beta_fast = rope.number("beta_fast", kTurnsMin, kTurnsMax).value_or(s.beta_fast);
  s.beta_slow = rope.number("beta_slow", kTurnsMin, kTurnsMax).value_or(s.beta_slow);
  s.truncate = rope.flag("truncate").value_or(true);
  const double scale = rope.number("mscale", 0, kAttentionFactorMax).value_or(0);
  const double scale_all = rope.number("mscale_all_dim", 0, kAttentionFactorMax).value_or(0);
  const auto factor_for = [&](double weight) {
    return s.factor <= 1 ? 1.0 : 0.1 * weight * std::log(s.factor) + 1.0;
  };
  s.attention_factor =
      rope.number("attention_factor", kAttentionFactorMin, kAttentionFactorMax)
          .value_or(scale > 0 && scale_all > 0 ? factor_for(scale) / factor_for(scale_all)
                                               : yarn_attention_factor(s.factor));
}

}  // namespace

void read_rope(const JsonFields& fields, ModelConfig& c) {
  c.rope_theta = fields.number("rope_theta", kThetaMin, kThetaMax).value_or(kThetaDefault);
  const auto rope = rope_object(fields);
  if (!rope) return;
  c.rope_theta = rope->number("rope_theta", kThetaMin, kThetaMax).value_or(c.rope_theta);
  if (rope->number("partial_rotary_factor", 0, 1).value_or(1) != 1)
    rope->refuse("partial_rotary_factor", "other than 1 is not supported");
  auto type = rope->text("rope_type");
  if (!type) type = rope->text("type");
  if (!type || *type == "default") return;
  RopeScaling& s = c.rope_scaling;
  if (*type == "llama3")
    s.kind = RopeScaling::Kind::kLlama3;
  else if (*type == "yarn")
    s.kind = RopeScaling::Kind::kYarn;
  else
    rope->refuse(rope->has("rope_type") ? "rope_type" : "type",
                 "\"" + *type + "\" is not supported; supported: default, llama3, yarn");
  s.original_context =
      rope->count("original_max_position_embeddings", 1, kContextMax).value_or(c.context_max);
  // DeepSeek-V3 gives the pair of contexts instead.
  const double stretch = double(c.context_max) / s.original_context;
  const bool derived = s.kind == RopeScaling::Kind::kYarn && !rope->has("factor");
  s.factor = derived ? stretch : required(*rope, "factor", 1, kFactorMax);
  if (s.kind == RopeScaling::Kind::kLlama3) return read_llama3(*rope, s);
  read_yarn(*rope, s);
  const double reach = std::min(double(kContextMax), s.factor * s.original_context);
  c.context_max = std::max(c.context_max, static_cast<uint32_t>(reach));
}

void write_rope(const ModelConfig& c, nlohmann::ordered_json& out) {
  const RopeScaling& s = c.rope_scaling;
  out["rope_theta"] = c.rope_theta;
  nlohmann::ordered_json rope;
  if (s.kind != RopeScaling::Kind::kNone) {
    rope["rope_type"] = s.kind == RopeScaling::Kind::kLlama3 ? "llama3" : "yarn";
    rope["factor"] = s.factor;
    rope["original_max_position_embeddings"] = s.original_context;
  }
  if (s.kind == RopeScaling::Kind::kLlama3) {
    rope["low_freq_factor"] = s.low_freq_factor;
    rope["high_freq_factor"] = s.high_freq_factor;
  }
  if (s.kind == RopeScaling::Kind::kYarn) {
    rope["beta_fast"] = s.beta_fast;
    rope["beta_slow"] = s.beta_slow;
    rope["attention_factor"] = s.attention_factor;
    if (!s.truncate) rope["truncate"] = false;
  }
  out["rope_scaling"] = rope;
}

void check_rope(const ModelConfig& c, const std::string& place) {
  const RopeScaling& s = c.rope_scaling;
  const auto require = [&place](bool holds, const char* what) {
    if (!holds) throw InputError(place + ": " + what);
  };
  require(c.rope_theta >= kThetaMin && c.rope_theta <= kThetaMax, "rope_theta is out of range");
  if (s.kind == RopeScaling::Kind::kNone) return;
  require(s.factor >= 1 && s.factor <= kFactorMax, "rope factor must be from 1 to 10000");
  require(s.original_context >= 1, "original_max_position_embeddings must be at least 1");
  if (s.kind == RopeScaling::Kind::kLlama3)
    require(s.low_freq_factor < s.high_freq_factor,
            "low_freq_factor must be less than high_freq_factor");
  if (s.kind == RopeScaling::Kind::kYarn)
    require(s.beta_slow < s.beta_fast, "beta_slow must be less than beta_fast");
}

}  // namespace thespis::model
