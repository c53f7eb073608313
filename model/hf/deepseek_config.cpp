#include "model/hf/deepseek_config.hpp"

#include <string>

#include "model/hf/hf_config.hpp"
#include "model/hf/hf_rope.hpp"
#include "model/hf/token_ids.hpp"

namespace thespis::model {
namespace {

constexpr const char* kV2 = "deepseek_v2";
constexpr const char* kV3 = "deepseek_v3";

/// The same numbers under the Hub's names and under DeepSeek's own.
struct Names {
  const char *hidden, *ffn, *layers, *heads, *expert_ffn, *dense_layers, *active, *groups,
      *active_groups, *scale;
};
constexpr Names kHub = {"hidden_size",
                        "intermediate_size",
                        "num_hidden_layers",
                        "num_attention_heads",
                        "moe_intermediate_size",
                        "first_k_dense_replace",
                        "num_experts_per_tok",
                        "n_group",
                        "topk_group",
                        "routed_scaling_factor"};
constexpr Names kNative = {"dim",
                           "inter_dim",
                           "n_layers",
                           "n_heads",
                           "moe_inter_dim",
                           "n_dense_layers",
                           "n_activated_experts",
                           "n_expert_groups",
                           "n_limited_groups",
                           "route_scale"};

constexpr uint32_t kRankMax = 1 << 16;
constexpr uint32_t kExpertsMax = 1 << 12;
constexpr uint32_t kAllExpertsMax = 1 << 17;  // Of all layers: eight times DeepSeek-V3's.

ModelConfig read(const JsonFields& fields, const Names& names, const std::string& model_type) {
  ModelConfig c;
  c.model_type = model_type;
  c.qkv_bias = false;
  c.vocab_size = fields.require_count("vocab_size", 2, kVocabMax);
  c.hidden_size = fields.require_count(names.hidden, 2, kHiddenMax);
  c.layer_count = fields.require_count(names.layers, 1, kLayersMax);
  c.head_count = fields.require_count(names.heads, 1, kHeadsMax);
  c.kv_head_count = c.head_count;
  c.ffn_size = fields.require_count(names.ffn, 2, kFfnMax);
  LatentAttention& l = c.latent.emplace();
  l.q_rank = fields.count("q_lora_rank", 0, kRankMax).value_or(0);
  l.kv_rank = fields.require_count("kv_lora_rank", 1, kRankMax);
  l.nope_dim = fields.require_count("qk_nope_head_dim", 1, kHeadDimMax);
  l.rope_dim = fields.require_count("qk_rope_head_dim", 1, kHeadDimMax);
  l.v_dim = fields.require_count("v_head_dim", 1, kHeadDimMax);
  c.head_dim = l.nope_dim + l.rope_dim;
  Experts& e = c.experts.emplace();
  e.routed = fields.require_count("n_routed_experts", 1, kExpertsMax);
  e.shared = fields.count("n_shared_experts", 0, kExpertsMax).value_or(0);
  e.active = fields.require_count(names.active, 1, e.routed);
  e.ffn_size = fields.require_count(names.expert_ffn, 1, kFfnMax);
  e.dense_layers = fields.require_count(names.dense_layers, 0, c.layer_count);
  e.groups = fields.count(names.groups, 1, e.routed).value_or(1);
  e.active_groups = fields.count(names.active_groups, 1, e.groups).value_or(e.groups);
  e.scale = fields.number(names.scale, 0, 1e6).value_or(1);
  if (e.routed > kAllExpertsMax / c.layer_count)
    fields.refuse("n_routed_experts", "in " + std::to_string(c.layer_count) +
                                          " layers are more than " +
                                          std::to_string(kAllExpertsMax));
  if (e.routed % e.groups != 0)
    fields.refuse(names.groups, "does not divide n_routed_experts " + std::to_string(e.routed));
  return c;
}

}  // namespace

bool is_deepseek(const std::string& model_type) {
  return model_type == kV2 || model_type == kV3;
}

bool is_native_deepseek(const JsonFields& fields) {
  return !fields.has("model_type") && fields.has("dim") && fields.has("kv_lora_rank");
}

ModelConfig read_deepseek(const JsonFields& fields, const std::string& model_type) {
  ModelConfig c = read(fields, kHub, model_type);
  c.context_max = fields.require_count("max_position_embeddings", 1, kContextMax);
  c.rms_norm_eps = static_cast<float>(fields.number("rms_norm_eps", 1e-12, 1).value_or(1e-6));
  c.tied_embeddings = fields.flag("tie_word_embeddings").value_or(false);
  c.experts->bias = model_type == kV3;
  read_rope(fields, c);
  c.bos_token = first_token_id(fields, "bos_token_id", c.vocab_size).value_or(-1);
  c.eos_tokens = token_ids(fields, "eos_token_id", c.vocab_size).value_or(std::vector<int32_t>{});
  return c;
}

ModelConfig read_native_deepseek(const JsonFields& fields) {
  const bool sigmoid = fields.text("score_func").value_or("softmax") == "sigmoid";
  ModelConfig c = read(fields, kNative, sigmoid ? kV3 : kV2);
  c.tied_embeddings = false;
  c.experts->bias = sigmoid;
  // What the native files leave to the defaults of DeepSeek's code.
  c.rope_scaling = {.kind = RopeScaling::Kind::kYarn, .factor = 40, .original_context = 4096};
  c.context_max = 40 * 4096;
  return c;
}

}  // namespace thespis::model
