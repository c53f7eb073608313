#include "model/engine/model_config.hpp"

#include "runtime/base/error.hpp"

namespace thespis::model {
namespace {

/// Appends tensors as they come to a layout.
class LayoutWriter {
 public:
  LayoutWriter(WeightLayout& layout, const ModelConfig& config) : layout_(layout), c_(config) {}

  void matrix(const std::string& name, uint32_t rows, uint32_t cols) {
    add(name, rows, cols, true);
  }
  void vector(const std::string& name, uint32_t size) { add(name, 1, size, false); }

  void attention(const std::string& p) {
    const uint32_t q_size = c_.head_count * c_.head_dim, kv_size = c_.kv_head_count * c_.head_dim;
    matrix(p + "q_proj.weight", q_size, c_.hidden_size);
    matrix(p + "k_proj.weight", kv_size, c_.hidden_size);
    matrix(p + "v_proj.weight", kv_size, c_.hidden_size);
    if (c_.qkv_bias) {
      vector(p + "q_proj.bias", q_size);
      vector(p + "k_proj.bias", kv_size);
      vector(p + "v_proj.bias", kv_size);
    }
    if (c_.qk_norm) {
      vector(p + "q_norm.weight", c_.head_dim);
      vector(p + "k_norm.weight", c_.head_dim);
    }
    matrix(p + "o_proj.weight", c_.hidden_size, q_size);
  }

  void latent_attention(const std::string& p) {
    const LatentAttention& l = *c_.latent;
    const uint32_t q_size = c_.head_count * (l.nope_dim + l.rope_dim);
    if (l.q_rank == 0) {
      matrix(p + "q_proj.weight", q_size, c_.hidden_size);
    } else {
      matrix(p + "q_a_proj.weight", l.q_rank, c_.hidden_size);
      vector(p + "q_a_layernorm.weight", l.q_rank);
      matrix(p + "q_b_proj.weight", q_size, l.q_rank);
    }
    matrix(p + "kv_a_proj_with_mqa.weight", l.kv_rank + l.rope_dim, c_.hidden_size);
    vector(p + "kv_a_layernorm.weight", l.kv_rank);
    matrix(p + "kv_b_proj.weight", c_.head_count * (l.nope_dim + l.v_dim), l.kv_rank);
    matrix(p + "o_proj.weight", c_.hidden_size, c_.head_count * l.v_dim);
  }

  void mlp(const std::string& p, uint32_t ffn_size) {
    matrix(p + "gate_proj.weight", ffn_size, c_.hidden_size);
    matrix(p + "up_proj.weight", ffn_size, c_.hidden_size);
    matrix(p + "down_proj.weight", c_.hidden_size, ffn_size);
  }

  void expert_mlp(const std::string& p) {
    const Experts& e = *c_.experts;
    matrix(p + "gate.weight", e.routed, c_.hidden_size);
    if (e.bias) vector(p + "gate.e_score_correction_bias", e.routed);
    for (uint32_t i = 0; i < e.routed; ++i)
      mlp(p + "experts." + std::to_string(i) + ".", e.ffn_size);
    if (e.shared > 0) mlp(p + "shared_experts.", e.shared * e.ffn_size);
  }

 private:
  void add(const std::string& name, uint32_t rows, uint32_t cols, bool decays) {
    constexpr uint64_t kAlign = 16;
    layout_.tensors.push_back({name, layout_.size, rows, cols, decays});
    layout_.size += (uint64_t{rows} * cols + kAlign - 1) / kAlign * kAlign;
  }

  WeightLayout& layout_;
  const ModelConfig& c_;
};

}  // namespace

void require_runnable(const ModelConfig& config, const std::string& place) {
  if (config.latent || config.experts)
    throw InputError(place + ": model_type \"" + config.model_type +
                     "\" is described only; its latent attention and its experts are not run");
}

std::vector<uint64_t> TensorSpec::shape() const {
  if (is_vector()) return {cols};
  return {rows, cols};
}

WeightLayout WeightLayout::of(const ModelConfig& c) {
  WeightLayout layout;
  LayoutWriter writer(layout, c);
  writer.matrix("model.embed_tokens.weight", c.vocab_size, c.hidden_size);
  for (uint32_t layer = 0; layer < c.layer_count; ++layer) {
    const std::string p = "model.layers." + std::to_string(layer) + ".";
    writer.vector(p + "input_layernorm.weight", c.hidden_size);
    if (c.latent)
      writer.latent_attention(p + "self_attn.");
    else
      writer.attention(p + "self_attn.");
    writer.vector(p + "post_attention_layernorm.weight", c.hidden_size);
    if (c.experts && layer >= c.experts->dense_layers)
      writer.expert_mlp(p + "mlp.");
    else
      writer.mlp(p + "mlp.", c.ffn_size);
  }
  writer.vector("model.norm.weight", c.hidden_size);
  if (!c.tied_embeddings) writer.matrix("lm_head.weight", c.vocab_size, c.hidden_size);
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

uint64_t active_parameter_count(const ModelConfig& config) {
  const uint64_t all = WeightLayout::of(config).parameter_count();
  if (!config.experts) return all;
  const Experts& e = *config.experts;
  const uint64_t expert = uint64_t{3} * config.hidden_size * e.ffn_size;
  return all - uint64_t{config.layer_count - e.dense_layers} * (e.routed - e.active) * expert;
}

}  // namespace thespis::model
