#include "model/hf/hf_directory.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <system_error>

#include "model/hf/hf_config.hpp"
#include "model/hf/json_fields.hpp"
#include "model/hf/safetensors.hpp"
#include "model/tokenizer/tokenizer.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/file.hpp"
#include "runtime/env/file_system.hpp"

namespace thespis::model {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kConfigBytesMax = 1 << 20;
constexpr const char* kIndexFile = "model.safetensors.index.json";
constexpr const char* kHeadName = "lm_head.weight";
constexpr const char* kEmbeddingName = "model.embed_tokens.weight";

std::vector<uint64_t> shape_of(const TensorSpec& spec) {
  if (spec.is_vector()) return {spec.cols};
  return {spec.rows, spec.cols};
}

/// Buffers that old checkpoints carry and nobody reads: rope frequencies, which config.json
/// decides.
bool is_ignored(const std::string& name) {
  return name.ends_with(".rotary_emb.inv_freq");
}

void check_fits(const SafetensorsFile& file, const WeightLayout& layout, bool tied) {
  const std::string place = file.path().string();
  std::set<std::string> expected;
  for (const TensorSpec& spec : layout.tensors) {
    expected.insert(spec.name);
    const TensorEntry* entry = file.find(spec.name);
    if (entry == nullptr)
      throw InputError(place + ": tensor " + spec.name + " " + shape_text(shape_of(spec)) +
                       " is missing; config.json asks for it");
    if (entry->shape != shape_of(spec))
      throw InputError(place + ": tensor " + spec.name + " has shape " + shape_text(entry->shape) +
                       "; config.json asks for " + shape_text(shape_of(spec)));
  }
  for (const TensorEntry& entry : file.tensors()) {
    if (expected.contains(entry.name) || is_ignored(entry.name)) continue;
    if (tied && entry.name == kHeadName) continue;
    throw InputError(place + ": tensor " + brief(entry.name) + " " + shape_text(entry.shape) +
                     " is unexpected; config.json has no place for it");
  }
}

/// Some writers store the tied head too. It must say the same as the embedding, or one of them is
/// lost.
void check_tied_head(const SafetensorsFile& file) {
  const TensorEntry* head = file.find(kHeadName);
  const TensorEntry* embedding = file.find(kEmbeddingName);
  if (head == nullptr || embedding == nullptr) return;
  if (head->dtype != embedding->dtype || head->shape != embedding->shape ||
      !std::equal(head->bytes.begin(), head->bytes.end(), embedding->bytes.begin()))
    throw InputError(file.path().string() + ": " + kHeadName + " differs from " + kEmbeddingName +
                     ", although config.json has tie_word_embeddings true");
}

std::string tokenizer_config_json(const Tokenizer& tokenizer, const ModelConfig& config) {
  nlohmann::ordered_json out;
  out["tokenizer_class"] = "PreTrainedTokenizerFast";
  out["model_max_length"] = config.context_max;
  out["clean_up_tokenization_spaces"] = false;
  const auto name = [&](const char* key, int32_t id) {
    if (id < 0) return;
    const auto text = tokenizer.token_text(id);
    if (!text)
      throw InputError(std::string("tokenizer to be saved: has no token ") + std::to_string(id) +
                       ", which config.json names as its " + key);
    out[key] = *text;
  };
  name("bos_token", config.bos_token);
  name("eos_token", config.eos_token);
  return out.dump(2) + "\n";
}

}  // namespace

ModelConfig load_config(const fs::path& dir) {
  const fs::path path = dir / kConfigFile;
  return config_from_json(read_file(path, kConfigBytesMax), path.string());
}

Weights load_weights(const fs::path& dir) {
  const ModelConfig config = load_config(dir);
  std::error_code ignored;  // Whether it exists is all that is asked; opening it says the rest.
  if (!fs::exists(dir / kWeightsFile, ignored) && fs::exists(dir / kIndexFile, ignored))
    throw InputError((dir / kIndexFile).string() +
                     ": sharded weights are not supported; supported: " + "one " + kWeightsFile);
  const auto file = SafetensorsFile::open(dir / kWeightsFile);
  check_fits(file, WeightLayout::of(config), config.tied_embeddings);
  if (config.tied_embeddings) check_tied_head(file);
  Weights weights(config);
  for (const TensorSpec& spec : weights.layout.tensors)
    file.read(*file.find(spec.name), weights.tensor(spec));
  return weights;
}

void save_model(const fs::path& dir, const Weights& weights, std::string_view tokenizer_json) {
  const auto tokenizer = Tokenizer::parse(tokenizer_json, "tokenizer to be saved");
  if (tokenizer.vocab_size() > weights.config.vocab_size)
    throw InputError("tokenizer to be saved: has " + std::to_string(tokenizer.vocab_size()) +
                     " tokens; the model has " + std::to_string(weights.config.vocab_size));
  const std::string config = config_to_json(weights.config);
  const std::string tokenizer_config = tokenizer_config_json(tokenizer, weights.config);
  env::RealFileSystem files;
  const auto write = [&](const char* name, std::string_view text) {
    files.replace((dir / name).string(), std::as_bytes(std::span(text.data(), text.size())));
  };
  files.create_directories(dir.string());
  write(kConfigFile, config);
  write(kTokenizerFile, tokenizer_json);
  write(kTokenizerConfigFile, tokenizer_config);
  std::vector<TensorToWrite> tensors;
  for (const TensorSpec& spec : weights.layout.tensors)
    tensors.push_back({spec.name, shape_of(spec), weights.tensor(spec)});
  write_safetensors(files, dir / kWeightsFile, std::move(tensors));
}

}  // namespace thespis::model
