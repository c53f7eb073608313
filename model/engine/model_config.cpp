#include "model/engine/model_config.hpp"

#include "runtime/base/error.hpp"

namespace thespis::model {

WeightLayout WeightLayout::of(const ModelConfig& c) {
  WeightLayout layout;
  const auto add = [&layout](std::string name, uint32_t rows, uint32_t cols, bool decays) {
    constexpr uint64_t kAlign = 16;
    layout.tensors.push_back({std::move(name), layout.size, rows, cols, decays});
    layout.size += (uint64_t{rows} * cols + kAlign - 1) / kAlign * kAlign;
  };
  const uint32_t q_size = c.head_count * c.head_dim, kv_size = c.kv_head_count * c.head_dim;
  add("model.embed_tokens.weight", c.vocab_size, c.hidden_size, true);
  for (uint32_t layer = 0; layer < c.layer_count; ++layer) {
    const std::string p = "model.layers." + std::to_string(layer) + ".";
    add(p + "input_layernorm.weight", 1, c.hidden_size, false);
    add(p + "self_attn.q_proj.weight", q_size, c.hidden_size, true);
    add(p + "self_attn.k_proj.weight", kv_size, c.hidden_size, true);
    add(p + "self_attn.v_proj.weight", kv_size, c.hidden_size, true);
    if (c.qkv_bias) {
      add(p + "self_attn.q_proj.bias", 1, q_size, false);
      add(p + "self_attn.k_proj.bias", 1, kv_size, false);
      add(p + "self_attn.v_proj.bias", 1, kv_size, false);
    }
    if (c.qk_norm) {
      add(p + "self_attn.q_norm.weight", 1, c.head_dim, false);
      add(p + "self_attn.k_norm.weight", 1, c.head_dim, false);
    }
    add(p + "self_attn.o_proj.weight", c.hidden_size, q_size, true);
    add(p + "post_attention_layernorm.weight", 1, c.hidden_size, false);
    add(p + "mlp.gate_proj.weight", c.ffn_size, c.hidden_size, true);
    add(p + "mlp.up_proj.weight", c.ffn_size, c.hidden_size, true);
    add(p + "mlp.down_proj.weight", c.hidden_size, c.ffn_size, true);
  }
  add("model.norm.weight", 1, c.hidden_size, false);
  if (!c.tied_embeddings) add("lm_head.weight", c.vocab_size, c.hidden_size, true);
  return layout;
}

const TensorSpec& WeightLayout::at(const std::string& name) const {
  for (const TensorSpec& t : tensors)
    if (t.name == name) return t;
  throw Error("the model has no tensor named " + name);
}

uint64_t WeightLayout::parameter_count() const {
  uint64_t count = 0;
  for (const TensorSpec& t : tensors) count += t.size();
  return count;
}

}  // namespace thespis::model
