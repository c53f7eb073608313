#pragma once
// Small models and random sequences for the engine's tests.

#include <cstring>
#include <memory>
#include <span>
#include <vector>

#include "model/engine/policy.hpp"
#include "model/engine/trainer.hpp"
#include "runtime/env/random.hpp"
#include "tests/support/seeds.hpp"

namespace thespis::test {

struct ModelShape {
  uint32_t vocab = 37, hidden = 48, layers = 2, heads = 4, kv_heads = 2, head_dim = 16, ffn = 80;
  bool tied = true, bias = true, qk_norm = false;
  model::RopeScaling rope_scaling = {};
  double rope_theta = 10000;
};

/// The families that the engine runs, in small: Qwen2 with plain positions and with YaRN, Qwen3,
/// and Llama 3. (Original contexts and theta are such that pairs of every kind occur.)
inline std::vector<ModelShape> family_shapes() {
  using Kind = model::RopeScaling::Kind;
  return {{},
          {.rope_scaling = {.kind = Kind::kYarn,
                            .factor = 4,
                            .original_context = 64,
                            .attention_factor = 1.1386294361119891},
           .rope_theta = 1000},
          {.vocab = 50,
           .hidden = 64,
           .heads = 6,
           .kv_heads = 3,
           .head_dim = 32,
           .tied = false,
           .bias = false,
           .qk_norm = true},
          {.vocab = 33,
           .hidden = 80,
           .layers = 3,
           .heads = 3,
           .kv_heads = 1,
           .head_dim = 48,
           .ffn = 112,
           .tied = false,
           .bias = false,
           .rope_scaling = {.kind = Kind::kLlama3, .factor = 8, .original_context = 40},
           .rope_theta = 1000}};
}

inline model::ModelConfig model_config(const ModelShape& s) {
  model::ModelConfig c;
  c.vocab_size = s.vocab;
  c.hidden_size = s.hidden;
  c.layer_count = s.layers;
  c.head_count = s.heads;
  c.kv_head_count = s.kv_heads;
  c.head_dim = s.head_dim;
  c.ffn_size = s.ffn;
  c.context_max = 256;
  c.tied_embeddings = s.tied;
  c.qkv_bias = s.bias;
  c.qk_norm = s.qk_norm;
  c.rope_scaling = s.rope_scaling;
  c.rope_theta = s.rope_theta;
  return c;
}

/// Weights large enough that attention and distributions are far from uniform; norms and biases
/// random too.
inline std::shared_ptr<const model::Weights> random_weights(const model::ModelConfig& config,
                                                            uint64_t seed) {
  auto weights = std::make_shared<model::Weights>(config);
  for (size_t t = 0; t < weights->layout.tensors.size(); ++t) {
    const model::TensorSpec& spec = weights->layout.tensors[t];
    env::KeyedRandom random(seed, env::Purpose::kInit, t);
    const bool is_norm = spec.name.find("norm.weight") != std::string::npos;
    for (float& v : weights->tensor(spec))
      v = static_cast<float>((is_norm ? 1.0 : 0.0) + 0.2 * random.normal());
  }
  return weights;
}

inline std::vector<int32_t> random_tokens(env::KeyedRandom& random, uint32_t count,
                                          uint32_t vocab) {
  std::vector<int32_t> tokens(count);
  for (int32_t& t : tokens) t = static_cast<int32_t>(random.below(vocab));
  return tokens;
}

/// Ragged: prompts of 1 to 20 tokens, completions of 0 to 39.
inline std::vector<model::TrainItem> random_items(uint64_t stream, uint32_t count, uint32_t vocab) {
  env::KeyedRandom random(seed(), env::Purpose::kData, stream);
  std::vector<model::TrainItem> items;
  for (uint32_t i = 0; i < count; ++i)
    items.push_back({random_tokens(random, 1 + random.below(20), vocab),
                     random_tokens(random, random.below(40), vocab), 1.0f});
  return items;
}

inline bool same_bits(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

}  // namespace thespis::test
