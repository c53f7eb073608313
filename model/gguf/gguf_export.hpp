#pragma once
// A Hugging Face directory as one GGUF file for llama.cpp: architectures qwen2, qwen3, llama.

#include <filesystem>

#include "model/gguf/gguf_writer.hpp"

namespace thespis::model {

/// Writes `out`. Matrices are in `type` (with kQ8_0: those whose rows are a multiple of 32; others
/// in F16), vectors in F32. Throws InputError: a directory that cannot be loaded, a tokenizer that
/// llama.cpp has no name for.
void export_gguf(const std::filesystem::path& dir, const std::filesystem::path& out, GgufType type);

}  // namespace thespis::model
