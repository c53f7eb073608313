#pragma once
// Texts that end a completion, found while its tokens come: all of them at once, byte by byte, also
// across the borders of tokens (Aho and Corasick 1975). A completion's text here is that of all its
// tokens, special ones included.

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "model/tokenizer/tokenizer.hpp"

namespace thespis::model {

/// Immutable: any number of sequences share one.
class StopStrings {
 public:
  /// How much of the texts the end of a completion may be; 0 before its first token.
  using State = uint16_t;
  /// A text is complete. Stays.
  static constexpr State kFound = UINT16_MAX;
  static constexpr size_t kBytesMax = 4096;  ///< Of all texts together.

  /// InputError where there is no text, an empty one, or more than kBytesMax.
  StopStrings(std::span<const std::string> texts, Tokenizer tokenizer);

  State next(State state, int32_t token) const;

 private:
  Tokenizer tokenizer_;
  std::vector<std::array<State, 256>> next_;  // By state, by byte.
};

}  // namespace thespis::model
