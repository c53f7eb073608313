#pragma once
// A model of a few hundred numbers, for tests that write and read files of models.

#include <string>

#include "model/engine/model_config.hpp"

namespace thespis::test {

/// A family's smallest model that is like it: biases, norms, a head size of its own (Qwen3).
inline model::ModelConfig small_config(const std::string& model_type, bool tied) {
  model::ModelConfig c;
  c.model_type = model_type;
  c.vocab_size = 12;
  c.hidden_size = 8;
  c.layer_count = 2;
  c.head_count = 4;
  c.kv_head_count = 2;
  c.head_dim = model_type == "qwen3" ? 6 : 2;
  c.ffn_size = 10;
  c.context_max = 64;
  c.tied_embeddings = tied;
  c.qkv_bias = model_type == "qwen2";
  c.qk_norm = model_type == "qwen3";
  c.eos_tokens = {2};
  return c;
}

}  // namespace thespis::test
