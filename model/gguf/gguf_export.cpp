#include "model/gguf/gguf_export.hpp"

#include <algorithm>
#include <cmath>
#include <memory>

#include "model/chat/model_template.hpp"
#include "model/engine/rope.hpp"
#include "model/gguf/gguf_tokenizer.hpp"
#include "model/hf/hf_directory.hpp"
#include "model/hf/weight_files.hpp"
#include "runtime/base/error.hpp"

namespace thespis::model {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kBlock = 32;

uint32_t file_type(GgufType type) {  // llama.cpp's numbers for files as a whole.
  switch (type) {
    case GgufType::kF32:
      return 0;
    case GgufType::kF16:
      return 1;
    case GgufType::kQ8_0:
      return 7;
    case GgufType::kBF16:
      break;
  }
  return 32;
}

void add_rope(const ModelConfig& c, GgufMetadata& m) {
  const std::string p = c.model_type + ".rope.";
  m.number(p + "freq_base", static_cast<float>(c.rope_theta));
  m.count(p + "dimension_count", c.head_dim);
  const RopeScaling& s = c.rope_scaling;
  if (s.kind != RopeScaling::Kind::kYarn) return;  // Llama 3's is a tensor.
  if (!s.truncate) throw InputError("rope_scaling.truncate false cannot be said in a GGUF file");
  m.text(p + "scaling.type", "yarn");
  m.number(p + "scaling.factor", static_cast<float>(s.factor));
  m.count(p + "scaling.original_context_length", s.original_context);
  // llama.cpp applies YaRN's own factor itself.
  m.number(p + "scaling.attn_factor",
           static_cast<float>(s.attention_factor / yarn_attention_factor(s.factor)));
  m.number(p + "scaling.yarn_beta_fast", static_cast<float>(s.beta_fast));
  m.number(p + "scaling.yarn_beta_slow", static_cast<float>(s.beta_slow));
}

void add_architecture(const ModelConfig& c, GgufType type, const std::string& name,
                      GgufMetadata& m) {
  const std::string p = c.model_type + ".";
  m.text("general.architecture", c.model_type);
  m.text("general.type", "model");
  m.text("general.name", name);
  m.count("general.file_type", file_type(type));
  m.count("general.quantization_version", 2);
  m.count(p + "block_count", c.layer_count);
  m.count(p + "context_length", c.context_max);
  m.count(p + "embedding_length", c.hidden_size);
  m.count(p + "feed_forward_length", c.ffn_size);
  m.count(p + "attention.head_count", c.head_count);
  m.count(p + "attention.head_count_kv", c.kv_head_count);
  m.count(p + "attention.key_length", c.head_dim);
  m.count(p + "attention.value_length", c.head_dim);
  m.number(p + "attention.layer_norm_rms_epsilon", c.rms_norm_eps);
  m.count(p + "vocab_size", c.vocab_size);
  add_rope(c, m);
}

std::string gguf_name(const std::string& name) {
  static constexpr std::pair<const char*, const char*> kWhole[] = {
      {"model.embed_tokens.weight", "token_embd.weight"},
      {"model.norm.weight", "output_norm.weight"},
      {"lm_head.weight", "output.weight"}};
  static constexpr std::pair<const char*, const char*> kParts[] = {
      {"input_layernorm", "attn_norm"},    {"self_attn.q_proj", "attn_q"},
      {"self_attn.k_proj", "attn_k"},      {"self_attn.v_proj", "attn_v"},
      {"self_attn.o_proj", "attn_output"}, {"self_attn.q_norm", "attn_q_norm"},
      {"self_attn.k_norm", "attn_k_norm"}, {"post_attention_layernorm", "ffn_norm"},
      {"mlp.gate_proj", "ffn_gate"},       {"mlp.up_proj", "ffn_up"},
      {"mlp.down_proj", "ffn_down"}};
  for (const auto& [ours, theirs] : kWhole)
    if (name == ours) return theirs;
  constexpr std::string_view kLayers = "model.layers.";
  const size_t dot = name.find('.', kLayers.size()), last = name.rfind('.');
  const std::string layer = name.substr(kLayers.size(), dot - kLayers.size());
  for (const auto& [ours, theirs] : kParts)
    if (name.substr(dot + 1, last - dot - 1) == ours)
      return "blk." + layer + "." + theirs + name.substr(last);
  throw Error("tensor " + name + " has no name in GGUF");
}

/// llama.cpp turns neighbouring pairs in architecture llama, Hugging Face pairs a half head apart:
/// row 2 j + p of a head is here row j + p * half.
uint64_t source_row(uint64_t row, uint32_t head_dim) {
  const uint64_t head = row / head_dim, within = row % head_dim;
  return head * head_dim + within % 2 * (head_dim / 2) + within / 2;
}

bool is_paired(const ModelConfig& config, const std::string& name) {
  return config.model_type == "llama" &&
         (name.ends_with("q_proj.weight") || name.ends_with("k_proj.weight"));
}

/// The tensor's elements, rows in llama.cpp's order.
ElementReader read_tensor(std::shared_ptr<const WeightFiles> files, const ModelConfig& config,
                          const TensorSpec& spec) {
  const bool paired = is_paired(config, spec.name);
  return [files = std::move(files), spec, paired, head_dim = config.head_dim,
          at = uint64_t{0}](std::span<float> next) mutable {
    if (!paired) {
      files->read(spec.name, at, next);
      at += next.size();
      return;
    }
    while (!next.empty()) {
      const uint64_t row = at / spec.cols, col = at % spec.cols;
      const auto part = next.first(std::min<uint64_t>(next.size(), spec.cols - col));
      files->read(spec.name, source_row(row, head_dim) * spec.cols + col, part);
      at += part.size();
      next = next.subspan(part.size());
    }
  };
}

/// What llama.cpp divides each pair's frequency by.
std::vector<float> llama3_factors(ModelConfig config) {
  const auto scaled = rope_frequencies(config);
  config.rope_scaling = {};
  const auto bare = rope_frequencies(config);
  std::vector<float> factors;
  for (size_t i = 0; i < bare.size(); ++i)
    factors.push_back(static_cast<float>(bare[i] / scaled[i]));
  return factors;
}

}  // namespace

void export_gguf(const fs::path& dir, const fs::path& out, GgufType type) {
  const ModelConfig config = load_config(dir);
  require_runnable(config, (dir / kConfigFile).string());
  if (config.model_type == "qwen2" && config.head_count * config.head_dim != config.hidden_size)
    throw InputError((dir / kConfigFile).string() + ": head_dim " +
                     std::to_string(config.head_dim) +
                     " is not hidden_size / num_attention_heads, as llama.cpp's qwen2 has it");
  const auto files = std::make_shared<const WeightFiles>(WeightFiles::open(dir));
  files->require_fit(config);
  const Tokenizer tokenizer = Tokenizer::load(dir);
  GgufMetadata metadata;
  add_architecture(config, type, fs::absolute(dir).lexically_normal().filename().string(),
                   metadata);
  add_gguf_tokenizer(tokenizer, config, (dir / kTokenizerFile).string(), metadata);
  if (const auto chat = chat::find_template(dir))
    metadata.text("tokenizer.chat_template", chat->text);

  std::vector<GgufTensor> tensors;
  for (const TensorSpec& spec : WeightLayout::of(config).tensors) {
    const bool blocks = type != GgufType::kQ8_0 || spec.cols % kBlock == 0;
    tensors.push_back({gguf_name(spec.name), spec.shape(),
                       spec.is_vector() ? GgufType::kF32
                       : blocks         ? type
                                        : GgufType::kF16,
                       read_tensor(files, config, spec)});
  }
  std::vector<float> factors;
  if (config.rope_scaling.kind == RopeScaling::Kind::kLlama3) {
    factors = llama3_factors(config);
    tensors.push_back(
        {"rope_freqs.weight", {factors.size()}, GgufType::kF32, read_values(factors)});
  }
  env::RealFileSystem file_system;
  write_gguf(file_system, out, metadata, tensors);
}

}  // namespace thespis::model
