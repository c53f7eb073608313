#pragma once
// Text of tokens as they come: never half a character. What it gives, joined, is what
// Tokenizer::decode gives for all of them.

#include <cstdint>
#include <string>

#include "model/tokenizer/tokenizer.hpp"

namespace thespis::model {

class StreamDecoder {
 public:
  explicit StreamDecoder(Tokenizer tokenizer, SpecialTokens special = SpecialTokens::kKeep)
      : tokenizer_(std::move(tokenizer)), special_(special) {}

  /// The characters that `id` completes; often none, for a token may end within a character.
  std::string push(int32_t id);
  /// The end: U+FFFD if the tokens end within a character. Then it may begin anew.
  std::string finish();

 private:
  Tokenizer tokenizer_;
  SpecialTokens special_;
  std::string pending_;  // The beginning of a character, at most three bytes.
};

}  // namespace thespis::model
