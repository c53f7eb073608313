#include "model/engine/family.hpp"

namespace thespis::model {

void record_decoder(Recorder& r, const ModelConfig& config) {
  ValueId x = r.embed("model.embed_tokens.weight");
  for (uint32_t layer = 0; layer < config.layer_count; ++layer) {
    const std::string p = "model.layers." + std::to_string(layer) + ".";
    const std::string attention = p + "self_attn.", mlp = p + "mlp.";

    std::vector<std::string> biases;
    if (config.qkv_bias)
      biases = {attention + "q_proj.bias", attention + "k_proj.bias", attention + "v_proj.bias"};
    ValueId qkv = r.linear(
        r.norm(x, p + "input_layernorm.weight"),
        {attention + "q_proj.weight", attention + "k_proj.weight", attention + "v_proj.weight"},
        biases);
    if (config.qk_norm)
      qkv = r.head_norm(qkv, attention + "q_norm.weight", attention + "k_norm.weight");
    x = r.linear(r.attend(r.rope(qkv)), {attention + "o_proj.weight"}, {}, x);

    const ValueId gate_up = r.linear(r.norm(x, p + "post_attention_layernorm.weight"),
                                     {mlp + "gate_proj.weight", mlp + "up_proj.weight"});
    x = r.linear(r.swiglu(gate_up), {mlp + "down_proj.weight"}, {}, x);
  }
  r.log_prob(r.norm(r.gather(x), "model.norm.weight"),
             config.tied_embeddings ? "model.embed_tokens.weight" : "lm_head.weight");
}

}  // namespace thespis::model
