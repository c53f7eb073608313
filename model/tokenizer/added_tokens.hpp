#pragma once
// Finds a tokenizer's added tokens in text as Hugging Face's AddedVocabulary does: leftmost first,
// the longest where several begin at one place.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace thespis::model {

/// An entry of "added_tokens".
struct AddedToken {
  std::string text;
  int32_t id = -1;
  bool special = false;      ///< No text of a user's: end of text and the like.
  bool normalized = false;   ///< Looked for in normalised text, not in the raw one.
  bool single_word = false;  ///< Only where no word character adjoins.
  bool lstrip = false;       ///< Takes the white space before it too.
  bool rstrip = false;       ///< Takes the white space after it too.
};

class AddedTokens {
 public:
  /// A stretch of text that is an added token.
  struct Cut {
    size_t begin, end;
    int32_t id;
  };

  /// `token` is looked for as `text`, which is not empty. The same text again replaces it.
  void add(const AddedToken& token, std::string_view text);

  /// The added tokens in `text`, well-formed UTF-8, in order, without overlap. Without
  /// `parse_special`, special tokens stay text.
  void find(std::string_view text, bool parse_special, std::vector<Cut>& cuts) const;

 private:
  struct Match {
    int32_t entry = -1;  // -1: none begins there.
    size_t length = 0;
  };
  Match longest_at(std::string_view text, size_t position) const;

  std::vector<AddedToken> entries_;
  std::array<bool, 256> first_{};                         // Bytes that some token begins with.
  std::vector<int32_t> node_entries_{-1};                 // A trie of bytes; node 0 is the root.
  std::unordered_map<uint64_t, uint32_t> node_children_;  // By node * 256 + byte.
};

}  // namespace thespis::model
