#pragma once
// Text <-> token ids as a Hugging Face tokenizer.json of type BPE says: added tokens cut the text,
// byte-pair merges do the rest. Immutable once loaded; any number of threads may use it.
//   TK-1  decode(encode(x)) == x for every x that encode accepts.
//   TK-2  A character that the vocabulary lacks is an InputError; no text is dropped silently.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace thespis::model {

/// Whether decode writes special tokens (end of text and the like) or leaves them out.
enum class SpecialTokens : uint8_t { kKeep, kSkip };

class Tokenizer {
 public:
  /// Reads a tokenizer.json, or that of a directory; the eos token comes from the
  /// tokenizer_config.json beside it, where there is one. Throws InputError: not readable, not
  /// valid, or with a part that is not supported (normalizer, pre-tokenizer, post-processor, ...).
  static Tokenizer load(const std::filesystem::path& path);
  /// The same for text at hand; `place` stands in messages where a file's name would.
  static Tokenizer parse(std::string_view tokenizer_json, const std::string& place);

  /// The ids of `text`. Throws InputError naming the first character that has no token, or the
  /// first byte that is not UTF-8.
  std::vector<int32_t> encode(std::string_view text) const;

  /// The text of `ids`. An id without a token (a model may have more rows than its tokenizer has
  /// tokens) becomes U+FFFD, so that it is seen.
  std::string decode(std::span<const int32_t> ids,
                     SpecialTokens special = SpecialTokens::kKeep) const;

  std::optional<int32_t> token_id(std::string_view text) const;  ///< Whole token, by its text.
  std::optional<std::string> token_text(int32_t id) const;
  bool is_special(int32_t id) const;
  /// Largest id + 1: the least vocab_size of a model that uses it.
  uint32_t vocab_size() const;
  std::optional<int32_t> eos_token() const;  ///< None where no tokenizer_config.json names one.
  const std::string& json() const;           ///< The tokenizer.json that it was read from.

 private:
  struct Tables;
  explicit Tokenizer(std::shared_ptr<const Tables> tables) : tables_(std::move(tables)) {}
  std::shared_ptr<const Tables> tables_;
};

}  // namespace thespis::model
