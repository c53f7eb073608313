#pragma once
// What a decoder is made of; read from a Hugging Face config.json (model/hf/hf_config.hpp), never
// from weights. The engine runs dense decoders of the Qwen2 / Qwen3 / Llama kind; those with latent
// attention and experts (DeepSeek-V2, DeepSeek-V3) it only describes.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace thespis::model {

/// How positions turn the pairs of a head beyond the context of the first training.
struct RopeScaling {
  enum class Kind : uint8_t {
    kNone,
    kLlama3,  ///< Llama 3.1: long waves slowed by `factor`, short ones kept, between them blended.
    kYarn,    ///< Peng et al. 2023, arXiv 2309.00071: as above by dimension, cos and sin scaled.
  };
  Kind kind = Kind::kNone;
  double factor = 1;
  uint32_t original_context = 0;                     ///< Positions of the first training.
  double low_freq_factor = 1, high_freq_factor = 4;  ///< kLlama3: in waves an original context.
  double beta_fast = 32, beta_slow = 1;              ///< kYarn: turns within the original context.
  double attention_factor = 1;                       ///< kYarn: on cos and sin.
  bool truncate = true;  ///< kYarn: the blend begins and ends at whole pairs.

  bool operator==(const RopeScaling&) const = default;
};

/// Multi-head latent attention (DeepSeek-V2, arXiv 2405.04434).
struct LatentAttention {
  uint32_t q_rank = 0;  ///< 0: queries come straight from the hidden state.
  uint32_t kv_rank = 0;
  uint32_t nope_dim = 0;  ///< Of a head of q and k: the part without position.
  uint32_t rope_dim = 0;  ///< The part with; of k it is one for all heads.
  uint32_t v_dim = 0;

  bool operator==(const LatentAttention&) const = default;
};

/// Mixture of experts with shared ones (DeepSeekMoE, arXiv 2401.06066).
struct Experts {
  uint32_t routed = 0, shared = 0;
  uint32_t active = 0;  ///< Of the routed ones, for each token.
  uint32_t groups = 1, active_groups = 1;
  uint32_t ffn_size = 0;      ///< Of one expert.
  uint32_t dense_layers = 0;  ///< The first layers, which have an ordinary MLP.
  double scale = 1;
  bool bias = false;  ///< Sigmoid scores with a bias that balances the load (DeepSeek-V3).

  bool operator==(const Experts&) const = default;
};

struct ModelConfig {
  std::string model_type = "qwen2";  ///< As in config.json: qwen2, qwen3, llama, deepseek_v3, ...
  uint32_t vocab_size = 0;
  uint32_t hidden_size = 0;
  uint32_t layer_count = 0;
  uint32_t head_count = 0;
  uint32_t kv_head_count = 0;
  uint32_t head_dim = 0;
  uint32_t ffn_size = 0;
  uint32_t context_max = 0;  ///< Positions it may see: max_position_embeddings, or what YaRN gives.
  float rms_norm_eps = 1e-6f;
  double rope_theta = 10000.0;
  RopeScaling rope_scaling;
  bool tied_embeddings = true;
  bool qkv_bias = true;  ///< Qwen2.
  bool qk_norm = false;  ///< Qwen3.
  std::optional<LatentAttention> latent;
  std::optional<Experts> experts;
  int32_t bos_token = -1;
  std::vector<int32_t> eos_tokens;  ///< Each ends a text; the first is the one that is written.

  bool operator==(const ModelConfig&) const = default;
};

/// Throws InputError "PLACE: ..." where the engine only describes such a model.
void require_runnable(const ModelConfig& config, const std::string& place);

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
  std::vector<uint64_t> shape() const;
};

/// Where each tensor lies. The order is the order of config and layers, never of a file.
struct WeightLayout {
  std::vector<TensorSpec> tensors;
  uint64_t size = 0;  ///< Elements of the arena, padding included.

  static WeightLayout of(const ModelConfig& config);
  const TensorSpec& at(const std::string& name) const;  ///< Error names the missing tensor.
  uint64_t parameter_count() const;
};

/// Parameters that a token meets: all of them, less the routed experts that are not its own.
uint64_t active_parameter_count(const ModelConfig& config);

}  // namespace thespis::model
