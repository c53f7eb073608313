#include "model/hf/hf_directory.hpp"

#include <algorithm>
#include <new>
#include <nlohmann/json.hpp>
#include <system_error>

#include "model/hf/hf_config.hpp"
#include "model/hf/weight_files.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/file.hpp"
#include "runtime/env/file_system.hpp"

namespace thespis::model {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kConfigBytesMax = 1 << 20;
constexpr uint64_t kCompanionBytesMax = 256 << 20;
constexpr const char* kCompanions[] = {
    kTokenizerFile,        kTokenizerConfigFile, "special_tokens_map.json",
    "added_tokens.json",   "vocab.json",         "merges.txt",
    "chat_template.jinja", "chat_template.json", kGenerationConfigFile};

bool is_there(const fs::path& path) {
  std::error_code ignored;  // Whether it exists is all that is asked; opening it says the rest.
  return fs::exists(path, ignored);
}

const std::string* find(const CompanionFiles& companions, std::string_view name) {
  for (const auto& [file, text] : companions)
    if (file == name) return &text;
  return nullptr;
}

/// Room for a model's weights, or an Error that says how much it would have been.
Weights make_weights(const ModelConfig& config, const fs::path& dir) {
  try {
    return Weights(config);
  } catch (const std::bad_alloc&) {
    const uint64_t mebibytes = (WeightLayout::of(config).size * sizeof(float)) >> 20;
    throw Error(dir.string() + ": its weights take " + std::to_string(mebibytes) +
                " MiB as float32; so much memory cannot be had here");
  }
}

std::string tokenizer_config_json(const Tokenizer& tokenizer, const ModelConfig& config) {
  nlohmann::ordered_json out;
  out["tokenizer_class"] = "PreTrainedTokenizerFast";
  out["model_max_length"] = config.context_max;
  out["clean_up_tokenization_spaces"] = false;
  const auto name = [&](const char* key, int32_t id) {
    const auto text = tokenizer.token_text(id);
    if (!text)
      throw InputError(std::string("tokenizer to be saved: has no token ") + std::to_string(id) +
                       ", which config.json names as its " + key);
    out[key] = *text;
  };
  if (config.bos_token >= 0) name("bos_token", config.bos_token);
  if (!config.eos_tokens.empty()) name("eos_token", config.eos_tokens.front());
  return out.dump(2) + "\n";
}

}  // namespace

ModelConfig load_config(const fs::path& dir) {
  const fs::path path = dir / kConfigFile;
  ModelConfig config = config_from_json(read_file(path, kConfigBytesMax), path.string());
  add_eos_tokens(config, load_generation_config(dir, config.vocab_size).eos_tokens);
  return config;
}

GenerationConfig load_generation_config(const fs::path& dir, uint32_t vocab_size) {
  const fs::path path = dir / kGenerationConfigFile;
  if (!is_there(path)) return {};
  return generation_from_json(read_file(path, kConfigBytesMax), path.string(), vocab_size);
}

Weights load_weights(const fs::path& dir) {
  const ModelConfig config = load_config(dir);
  require_runnable(config, (dir / kConfigFile).string());
  const WeightFiles files = WeightFiles::open(dir);
  files.require_fit(config);
  Weights weights = make_weights(config, dir);
  for (const TensorSpec& spec : weights.layout.tensors)
    files.read(spec.name, 0, weights.tensor(spec));
  return weights;
}

std::vector<int32_t> stop_tokens(const ModelConfig& config, const Tokenizer& tokenizer) {
  std::vector<int32_t> stops = config.eos_tokens;
  const auto eos = tokenizer.eos_token();
  if (eos && std::find(stops.begin(), stops.end(), *eos) == stops.end()) stops.push_back(*eos);
  return stops;
}

CompanionFiles load_companions(const fs::path& dir) {
  CompanionFiles companions;
  for (const char* name : kCompanions)
    if (is_there(dir / name))
      companions.emplace_back(name, read_file(dir / name, kCompanionBytesMax));
  return companions;
}

void save_directory(const fs::path& dir, const ModelConfig& config,
                    const CompanionFiles& companions, std::vector<TensorToWrite> tensors,
                    const SaveOptions& options) {
  CompanionFiles texts = companions;
  if (const std::string* json = find(companions, kTokenizerFile)) {
    const auto tokenizer = Tokenizer::parse(*json, "tokenizer to be saved");
    if (tokenizer.vocab_size() > config.vocab_size)
      throw InputError("tokenizer to be saved: has " + std::to_string(tokenizer.vocab_size()) +
                       " tokens; the model has " + std::to_string(config.vocab_size));
    if (find(companions, kTokenizerConfigFile) == nullptr)
      texts.emplace_back(kTokenizerConfigFile, tokenizer_config_json(tokenizer, config));
  }
  texts.emplace_back(kConfigFile, config_to_json(config, options.dtype));
  env::RealFileSystem files;
  files.create_directories(dir.string());
  for (const auto& [name, text] : texts)
    files.replace((dir / name).string(), std::as_bytes(std::span(text.data(), text.size())));
  write_weights(files, dir, std::move(tensors), options.dtype, options.shard_bytes_max);
}

void save_model(const fs::path& dir, const Weights& weights, const CompanionFiles& companions,
                const SaveOptions& options) {
  std::vector<TensorToWrite> tensors;
  for (const TensorSpec& spec : weights.layout.tensors)
    tensors.push_back({spec.name, spec.shape(), read_values(weights.tensor(spec))});
  save_directory(dir, weights.config, companions, std::move(tensors), options);
}

}  // namespace thespis::model
