#pragma once
// Tokenizers of small models that learn one task, as Hugging Face's tokenizer.json: characters,
// numbers, and whole phrases of the prompt as single tokens.

#include <span>
#include <string>
#include <string_view>

namespace thespis::tasks {

constexpr std::string_view kEndOfText = "<|endoftext|>";

/// Byte-pair encoding of `characters` (ASCII); with `has_numbers`, 10 to 99 are one token each. The
/// tags of the R1-Zero template, kEndOfText and `phrases` are tokens of their own.
std::string small_tokenizer_json(std::string_view characters, bool has_numbers,
                                 std::span<const std::string> phrases);

}  // namespace thespis::tasks
