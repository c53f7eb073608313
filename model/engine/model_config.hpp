#pragma once
// What a dense decoder of the Qwen2 / Qwen3 / Llama kind is made of; read from a Hugging Face
// config.json (model/hf/hf_config.hpp), never from weights.

#include <cstdint>
#include <string>
#include <vector>

namespace thespis::model {

struct ModelConfig {
  std::string model_type = "qwen2";  ///< As in config.json: qwen2, qwen3, llama.
  uint32_t vocab_size = 0;
  uint32_t hidden_size = 0;
  uint32_t layer_count = 0;
  uint32_t head_count = 0;
  uint32_t kv_head_count = 0;
  uint32_t head_dim = 0;
  uint32_t ffn_size = 0;
  uint32_t context_max = 0;  ///< max_position_embeddings.
  float rms_norm_eps = 1e-6f;
  double rope_theta = 10000.0;
  bool tied_embeddings = true;
  bool qkv_bias = true;  ///< Qwen2.
  bool qk_norm = false;  ///< Qwen3.
  int32_t bos_token = -1;
  int32_t eos_token = -1;

  bool operator==(const ModelConfig&) const = default;
};

/// One tensor in the flat arena of a model's weights, under its Hugging Face name and in its
/// Hugging Face shape (a linear layer's weight is [rows = outputs, cols = inputs], row-major).
struct TensorSpec {
  std::string name;
  uint64_t offset = 0;  ///< In elements from the arena's start; a multiple of 16 (one cache line).
  uint32_t rows = 0;
  uint32_t cols = 0;    ///< 1-D tensors (norms, biases): rows = 1.
  bool decays = false;  ///< Weight decay applies: matrices yes; norms, biases no.
  uint64_t size() const { return uint64_t{rows} * cols; }
  bool is_vector() const { return rows == 1; }
};

/// Where each tensor lies. The order is the order of config and layers, never of a file.
struct WeightLayout {
  std::vector<TensorSpec> tensors;
  uint64_t size = 0;  ///< Elements of the arena, padding included.

  static WeightLayout of(const ModelConfig& config);
  const TensorSpec& at(const std::string& name) const;  ///< Error names the missing tensor.
  uint64_t parameter_count() const;
};

}  // namespace thespis::model
