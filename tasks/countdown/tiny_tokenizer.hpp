#pragma once
// The tokenizer of the tiny recipes, as Hugging Face files: byte-pair encoding with 120 tokens. The
// numbers 0 to 99 are one token each, and so are the tags and the fixed phrases of the prompt, so
// that a prompt of three numbers has 11 tokens.

#include <string>

namespace thespis::tasks {

/// tokenizer.json. recipes/zero-tiny/model/tokenizer.json is this text; a test compares them.
std::string tiny_tokenizer_json();

}  // namespace thespis::tasks
