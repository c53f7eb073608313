#pragma once
// A tokenizer as llama.cpp reads it from a GGUF file. llama.cpp knows pre-tokenizers by name, not
// by their patterns: one whose patterns have no name is refused.

#include "model/engine/model_config.hpp"
#include "model/gguf/gguf_writer.hpp"
#include "model/tokenizer/tokenizer.hpp"

namespace thespis::model {

/// llama.cpp's name for the tokenizer's way of cutting text: "qwen2", "llama-bpe", "deepseek-v3",
/// ... Throws InputError "PLACE: ..." where it has none, or where tokens are not byte-level.
std::string gguf_pre_tokenizer(const Tokenizer& tokenizer, const std::string& place);

/// Adds the keys tokenizer.ggml.*: tokens in order of id (rows of the model without a token as
/// unused), their types, merges, the pre-tokenizer's name, bos and eos. Throws InputError.
void add_gguf_tokenizer(const Tokenizer& tokenizer, const ModelConfig& config,
                        const std::string& place, GgufMetadata& metadata);

}  // namespace thespis::model
