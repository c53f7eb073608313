#pragma once
// A model on disk is a Hugging Face directory: config.json, generation_config.json, tokenizer.json,
// weights in safetensors files. Loading accepts exactly the tensors that config.json asks for, in
// their shapes; what is missing, unexpected or differently shaped is named. What is saved here
// opens in `transformers`.

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/engine/weights.hpp"
#include "model/hf/generation_config.hpp"
#include "model/hf/safetensors_writer.hpp"
#include "model/tokenizer/tokenizer.hpp"

namespace thespis::model {

inline constexpr const char* kConfigFile = "config.json";
inline constexpr const char* kGenerationConfigFile = "generation_config.json";
inline constexpr const char* kTokenizerFile = "tokenizer.json";
inline constexpr const char* kTokenizerConfigFile = "tokenizer_config.json";

/// Above this many bytes weights are written in shards, as `transformers` does.
inline constexpr uint64_t kShardBytesMax = 5'000'000'000;

/// The directory's config.json, with the eos tokens of generation_config.json too. Throws
/// InputError.
ModelConfig load_config(const std::filesystem::path& dir);
/// The directory's generation_config.json; an empty one where there is none. Throws InputError.
GenerationConfig load_generation_config(const std::filesystem::path& dir, uint32_t vocab_size);

/// The directory's weights as float32. Nothing is allocated before the files fit the config.
/// Throws InputError naming the file and tensor, Error where the memory cannot be had.
Weights load_weights(const std::filesystem::path& dir);

/// Tokens that end a text: those of the config, and the tokenizer's.
std::vector<int32_t> stop_tokens(const ModelConfig& config, const Tokenizer& tokenizer);

/// A directory's files beside config and weights, by name: tokenizer, chat template, generation
/// config. They stay as they are when weights are trained or converted.
using CompanionFiles = std::vector<std::pair<std::string, std::string>>;
CompanionFiles load_companions(const std::filesystem::path& dir);

struct SaveOptions {
  Dtype dtype = Dtype::kF32;
  uint64_t shard_bytes_max = kShardBytesMax;
};

/// Writes a directory (made if missing), each file aside and renamed, weights last. Where the
/// companions have a tokenizer.json but no tokenizer_config.json, one is made with the texts of the
/// bos and eos tokens. `tensors` are those of the config's layout. Throws InputError for a
/// tokenizer that cannot be read or does not fit the model, Error from the system.
void save_directory(const std::filesystem::path& dir, const ModelConfig& config,
                    const CompanionFiles& companions, std::vector<TensorToWrite> tensors,
                    const SaveOptions& options = {});

/// The same for weights at hand.
void save_model(const std::filesystem::path& dir, const Weights& weights,
                const CompanionFiles& companions, const SaveOptions& options = {});

}  // namespace thespis::model
