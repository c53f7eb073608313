#pragma once
// Byte-pair encoding over characters, as model.type "BPE" of a tokenizer.json: a piece of text
// starts as its characters' tokens; the adjacent pair of lowest rank, leftmost first, is merged
// until no pair has a merge (Sennrich et al. 2016, in the order of the Hugging Face
// implementation).

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "model/hf/json_fields.hpp"

namespace thespis::model {

/// Ids at or above this are refused: four times the largest published vocabulary.
inline constexpr uint32_t kTokenIdsMax = 1 << 20;

/// Bytes of the UTF-8 character at `position`; 0 if there is none that is well-formed.
size_t utf8_length(std::string_view text, size_t position);

class Bpe {
 public:
  using Vocabulary = std::unordered_map<std::string, int32_t>;

  /// Reads "vocab", "merges" and the options. Throws InputError: malformed, or an option that is
  /// not supported (dropout, unk_token, byte_fallback, affixes).
  static Bpe read(const JsonFields& model);

  /// Appends the ids of `piece`, well-formed UTF-8. Returns the offset of the first character that
  /// has no token, or piece.size(): then all of it was encoded.
  size_t encode(std::string_view piece, std::vector<int32_t>& out) const;

  const Vocabulary& vocabulary() const { return vocabulary_; }

 private:
  struct Merge {
    uint32_t rank;
    int32_t id;
  };
  struct Symbol;
  const Merge* find_merge(int32_t left, int32_t right) const;
  void read_vocabulary(const JsonFields& model);
  void read_merges(const JsonFields& model);
  void merge_all(std::vector<Symbol>& symbols) const;

  Vocabulary vocabulary_;
  std::unordered_map<uint64_t, Merge> merges_;  // By the pair's ids, left in the upper half.
  bool ignore_merges_ = false;                  // A piece that is a token as a whole is that token.
};

}  // namespace thespis::model
