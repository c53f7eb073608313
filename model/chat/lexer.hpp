#pragma once
// A template cut into tokens, with Jinja2's rules for blanks: trim_blocks and lstrip_blocks, the
// signs `-` and `+` beside a tag, and no line end at the very end.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/chat/value.hpp"

namespace thespis::model::chat {

enum class TokenType : uint8_t {
  kData,           ///< Text outside of tags; `text` holds it.
  kVariableBegin,  ///< {{
  kVariableEnd,
  kBlockBegin,  ///< {%
  kBlockEnd,
  kName,
  kString,  ///< `text` holds it, without quotes and escapes.
  kNumber,  ///< `number` holds it.
  kOperator,
  kEnd,
};

struct Token {
  TokenType type = TokenType::kEnd;
  uint32_t line = 0;
  std::string text;  ///< Also the name, the operator.
  Value number;

  bool is_operator(std::string_view symbol) const {
    return type == TokenType::kOperator && text == symbol;
  }
  bool is_name(std::string_view name) const { return type == TokenType::kName && text == name; }
};

/// What is wrong with a template before it runs, and in which line.
struct SyntaxError {
  uint32_t line = 0;
  std::string what;
};

/// The tokens of `source`, which is UTF-8; the last one is kEnd. Throws SyntaxError.
std::vector<Token> tokenize(std::string_view source);

}  // namespace thespis::model::chat
