#pragma once
// Text <-> token ids as a Hugging Face tokenizer.json of type BPE says: added tokens cut the text,
// it is normalised, cut into pieces, and byte-pair merges do the rest. Immutable once loaded; any
// number of threads may use it.
//   TK-1  decode(encode(x)) == x for every x that encode accepts, but for what the file itself
//         asks: a normalizer, white space that added tokens strip, a space put before the text,
//         what a Split removes.
//   TK-2  A character that the vocabulary lacks is an InputError; no text is dropped silently.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/tokenizer/added_tokens.hpp"

namespace thespis::model {

/// Whether decode writes special tokens (end of text and the like) or leaves them out.
enum class SpecialTokens : uint8_t { kKeep, kSkip };

struct EncodeOptions {
  bool parse_special = true;  ///< The text of a special token is that token, not text.
  bool add_special = false;   ///< Adds what the post-processor adds, such as a BOS token.
};

class Tokenizer {
 public:
  /// Reads a tokenizer.json, or that of a directory, also compressed with zstd (*.zst); the eos
  /// token comes from the tokenizer_config.json beside it, where there is one. Throws InputError:
  /// not readable, not valid, or with a part that is not supported, by its name.
  static Tokenizer load(const std::filesystem::path& path);
  /// The same for text at hand; `place` stands in messages where a file's name would.
  static Tokenizer parse(std::string_view tokenizer_json, const std::string& place);

  /// The ids of `text`. Throws InputError naming the first character that has no token, or the
  /// first byte that is not UTF-8.
  std::vector<int32_t> encode(std::string_view text, EncodeOptions options = {}) const;

  /// The text of `ids`, with U+FFFD for bytes that are no UTF-8. An id without a token (a model may
  /// have more rows than its tokenizer has tokens) becomes U+FFFD as well, so that it is seen. An
  /// added token is its own text, even where the byte-level alphabet has its characters.
  std::string decode(std::span<const int32_t> ids,
                     SpecialTokens special = SpecialTokens::kKeep) const;

  std::optional<int32_t> token_id(std::string_view text) const;  ///< Whole token, by its text.
  std::optional<std::string> token_text(int32_t id) const;       ///< As the file has it.
  /// What the token adds to a text: perhaps a part of a character. U+FFFD for an id without token.
  std::string_view token_bytes(int32_t id) const;
  bool is_special(int32_t id) const;
  /// Largest id + 1: the least vocab_size of a model that uses it.
  uint32_t vocab_size() const;
  std::optional<int32_t> eos_token() const;  ///< None where no tokenizer_config.json names one.
  const std::string& json() const;           ///< The tokenizer.json that it was read from.

  // What it is made of, for other formats.
  bool byte_level() const;  ///< Tokens are written in the byte-level alphabet.
  const std::vector<std::pair<int32_t, int32_t>>& merges() const;  ///< Pairs of ids, by rank.
  const std::vector<AddedToken>& added_tokens() const;             ///< In the file's order.
  const std::vector<std::string>& split_patterns() const;          ///< Of its Split steps.
  const std::vector<int32_t>& tokens_before() const;  ///< What add_special puts before a text.
  const std::vector<int32_t>& tokens_after() const;   ///< And after it.

 private:
  struct Tables;
  explicit Tokenizer(std::shared_ptr<const Tables> tables) : tables_(std::move(tables)) {}
  class Encoding;
  std::shared_ptr<const Tables> tables_;
};

}  // namespace thespis::model
