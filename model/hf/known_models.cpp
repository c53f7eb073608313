#include "model/hf/known_models.hpp"

#include "runtime/base/error.hpp"

namespace thespis::model {
namespace {

struct Known {
  const char *name, *model_type;
  uint32_t vocab, hidden, layers, heads, kv_heads, head_dim, ffn, context;
  bool tied;
  double theta;
  double llama3_factor;  ///< 0: positions are not scaled.
};

// From the config.json files of these models.
constexpr Known kKnown[] = {
    {"qwen2.5-0.5b", "qwen2", 151936, 896, 24, 14, 2, 64, 4864, 32768, true, 1e6, 0},
    {"qwen2.5-1.5b", "qwen2", 151936, 1536, 28, 12, 2, 128, 8960, 131072, true, 1e6, 0},
    {"qwen2.5-7b", "qwen2", 152064, 3584, 28, 28, 4, 128, 18944, 131072, false, 1e6, 0},
    {"qwen2.5-14b", "qwen2", 152064, 5120, 48, 40, 8, 128, 13824, 131072, false, 1e6, 0},
    {"qwen2.5-32b", "qwen2", 152064, 5120, 64, 40, 8, 128, 27648, 131072, false, 1e6, 0},
    {"qwen3-0.6b", "qwen3", 151936, 1024, 28, 16, 8, 128, 3072, 40960, true, 1e6, 0},
    {"llama-3.1-8b", "llama", 128256, 4096, 32, 32, 8, 128, 14336, 131072, false, 5e5, 8},
    {"llama-3.1-70b", "llama", 128256, 8192, 80, 64, 8, 128, 28672, 131072, false, 5e5, 8},
    {"llama-3.2-3b", "llama", 128256, 3072, 28, 24, 8, 128, 8192, 131072, true, 5e5, 32},
};

}  // namespace

std::vector<std::string> known_model_names() {
  std::vector<std::string> names;
  for (const Known& k : kKnown) names.emplace_back(k.name);
  return names;
}

ModelConfig known_model(std::string_view name) {
  for (const Known& k : kKnown) {
    if (name != k.name) continue;
    ModelConfig c;
    c.model_type = k.model_type;
    c.vocab_size = k.vocab;
    c.hidden_size = k.hidden;
    c.layer_count = k.layers;
    c.head_count = k.heads;
    c.kv_head_count = k.kv_heads;
    c.head_dim = k.head_dim;
    c.ffn_size = k.ffn;
    c.context_max = k.context;
    c.tied_embeddings = k.tied;
    c.rope_theta = k.theta;
    const bool llama = c.model_type == "llama";
    c.qkv_bias = c.model_type == "qwen2";
    c.qk_norm = c.model_type == "qwen3";
    const bool large = c.model_type == "qwen2" && c.hidden_size == 5120;  // 14B and 32B.
    c.rms_norm_eps = llama || large ? 1e-5f : 1e-6f;
    if (k.llama3_factor > 0)
      c.rope_scaling = {
          .kind = RopeScaling::Kind::kLlama3, .factor = k.llama3_factor, .original_context = 8192};
    c.bos_token = llama ? 128000 : 151643;
    c.eos_tokens = {llama ? 128001 : c.qk_norm ? 151645 : 151643};
    return c;
  }
  std::string names;
  for (const Known& k : kKnown) names += (names.empty() ? "" : ", ") + std::string(k.name);
  throw InputError("model \"" + std::string(name) + "\" is not known; known: " + names);
}

}  // namespace thespis::model
