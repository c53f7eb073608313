#pragma once
// What a Tokenizer consists of, and how it is read.

#include <optional>
#include <string>
#include <vector>

#include "model/hf/json_fields.hpp"
#include "model/tokenizer/added_tokens.hpp"
#include "model/tokenizer/bpe.hpp"
#include "model/tokenizer/normalizer.hpp"
#include "model/tokenizer/post_processor.hpp"
#include "model/tokenizer/pre_tokenizer.hpp"
#include "model/tokenizer/token_table.hpp"
#include "model/tokenizer/tokenizer.hpp"

namespace thespis::model {

inline constexpr size_t kAddedTokenBytesMax = 1024;
inline constexpr size_t kAddedTokensMax = 1 << 16;

struct Tokenizer::Tables {
  std::string json;
  std::string place;
  Normalizer normalizer;
  PreTokenizer pre_tokenizer;
  Bpe bpe;
  PostProcessor post_processor;
  std::vector<std::string> patterns;
  std::vector<AddedToken> added;  // In the file's order.
  TokenTable added_texts;         // The same by id.
  std::vector<bool> special;      // By id.
  // As Hugging Face does: tokens that match raw text cut first, those for normalised text the rest.
  AddedTokens raw, normalized;
  std::optional<int32_t> eos;
  size_t ids = 0;  // Largest id + 1.

  /// Reads the document; `place` names it. Throws InputError.
  void read(std::string_view document_json, const std::string& document_place);

  int32_t find(std::string_view text) const;  ///< -1: no such token.
  bool has(int32_t id) const { return added_texts.has(id) || bpe.vocabulary().has(id); }
  std::string_view text(int32_t id) const;

 private:
  void read_added(const JsonFields& document);
  void read_added_token(const JsonFields& fields);
};

}  // namespace thespis::model
