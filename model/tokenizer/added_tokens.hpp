#pragma once
// Finds a tokenizer's added tokens in text: leftmost first, the longest where several begin at one
// place.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace thespis::model {

class AddedTokens {
 public:
  /// `text` is not empty. The same text again replaces its id.
  void add(std::string_view text, int32_t id);

  /// Calls, in order of the text, `on_text` for each stretch between added tokens (never empty) and
  /// `on_token` for each added token.
  void split(std::string_view text, const std::function<void(std::string_view)>& on_text,
             const std::function<void(int32_t)>& on_token) const;

 private:
  struct Match {
    int32_t id = -1;  // -1: none begins there.
    size_t length = 0;
  };
  Match longest_at(std::string_view text, size_t position) const;

  std::vector<int32_t> node_ids_{-1};                     // A trie of bytes; node 0 is the root.
  std::unordered_map<uint64_t, uint32_t> node_children_;  // By node * 256 + byte.
};

}  // namespace thespis::model
