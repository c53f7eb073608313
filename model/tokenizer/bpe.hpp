#pragma once
// Byte-pair encoding as model.type "BPE" of a tokenizer.json: a piece of text starts as the tokens
// of its characters or bytes; the adjacent pair of lowest rank, leftmost first, is merged until no
// pair has a merge (Sennrich et al. 2016, in the order of the Hugging Face implementation).
// Immutable but for a note, kept for each token, whether its own text encodes to it alone: most
// words of a text are then one look-up. Any number of threads may encode.

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "model/hf/json_fields.hpp"
#include "model/tokenizer/merge_table.hpp"
#include "model/tokenizer/token_table.hpp"

namespace thespis::model {

/// Ids at or above this are refused: four times the largest published vocabulary.
inline constexpr uint32_t kTokenIdsMax = 1 << 20;

class Bpe {
 public:
  /// Reads "vocab", "merges" and the options. `byte_level`: tokens are written in the byte-level
  /// alphabet and pieces are bytes; otherwise pieces are characters. Throws InputError: malformed,
  /// or an option that is not supported (dropout, byte_fallback, affixes; unk_token unless every
  /// byte has a token).
  static Bpe read(const JsonFields& model, bool byte_level);

  /// Appends the ids of `piece` (well-formed UTF-8 unless byte_level). Returns the offset of the
  /// first character or byte that has no token, or piece.size(): then all of it was encoded.
  size_t encode(std::string_view piece, std::vector<int32_t>& out) const;

  /// The tokens' texts as the file has them.
  const TokenTable& vocabulary() const { return vocabulary_; }
  /// What a token of the vocabulary stands for in text.
  std::string_view bytes(int32_t id) const {
    return bytes_.has(id) ? bytes_.text(id) : vocabulary_.text(id);
  }
  /// The pairs that merge, by rank.
  const std::vector<std::pair<int32_t, int32_t>>& merges() const { return merges_.pairs(); }

 private:
  enum class Whole : uint8_t { kUnknown, kYes, kNo };
  struct Symbol;
  const TokenTable& words() const { return byte_level_ ? bytes_ : vocabulary_; }
  void read_vocabulary(const JsonFields& model);
  void read_merges(const JsonFields& model);
  void refuse_options(const JsonFields& model) const;
  bool encodes_to_itself(int32_t id) const;
  size_t encode_parts(std::string_view piece, std::vector<int32_t>& out) const;
  size_t first_ids(std::string_view piece, int32_t* ids, size_t& count) const;
  void merge_by_scan(const int32_t* ids, size_t count, std::vector<int32_t>& out) const;
  void merge_by_queue(const int32_t* ids, size_t count, std::vector<int32_t>& out) const;

  bool byte_level_ = false;
  bool ignore_merges_ = false;  // A piece that is a token as a whole is that token.
  TokenTable vocabulary_;
  TokenTable bytes_;  // The same tokens as bytes, of byte_level_; without those that are no bytes.
  std::array<int32_t, 256> byte_ids_{};  // Of byte_level_; -1: no token.
  MergeTable merges_;
  std::unique_ptr<std::atomic<Whole>[]> whole_;  // By id.
};

}  // namespace thespis::model
