#pragma once
// A model on disk is a Hugging Face directory: config.json, tokenizer.json, model.safetensors.
// Loading accepts exactly the tensors that config.json asks for, in their shapes; what is missing,
// unexpected or differently shaped is named. What is saved here opens in `transformers`.

#include <filesystem>
#include <string>
#include <string_view>

#include "model/engine/weights.hpp"

namespace thespis::model {

inline constexpr const char* kConfigFile = "config.json";
inline constexpr const char* kTokenizerFile = "tokenizer.json";
inline constexpr const char* kTokenizerConfigFile = "tokenizer_config.json";
inline constexpr const char* kWeightsFile = "model.safetensors";

/// The directory's config.json. Throws InputError.
ModelConfig load_config(const std::filesystem::path& dir);

/// The directory's weights as float32. Nothing is allocated before the file fits the config.
/// With tied embeddings an lm_head.weight may be present if it equals the embedding.
/// Throws InputError naming the file and tensor; sharded directories are refused.
Weights load_weights(const std::filesystem::path& dir);

/// Writes the directory (made if missing), each file aside and renamed, weights last.
/// `tokenizer_json` is the text of a tokenizer.json (Tokenizer::json()); its eos token's text goes
/// to tokenizer_config.json. Throws InputError for a tokenizer that cannot be read, Error from the
/// system.
void save_model(const std::filesystem::path& dir, const Weights& weights,
                std::string_view tokenizer_json);

}  // namespace thespis::model
