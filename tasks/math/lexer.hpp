#pragma once
// LaTeX, or the plain notation that models write instead of it, as tokens. Spacing and sizing
// commands disappear here, and so do the many ways of writing one sign.
//   LX-1  Linear in the text; an unknown command is a token of its own name, never an error.

#include <string>
#include <string_view>
#include <vector>

namespace thespis::tasks::math {

enum class Lexeme : uint8_t {
  kNumber,   ///< text: digits, perhaps with one point; thousands separators are gone
  kLetter,   ///< text: one letter
  kCommand,  ///< text: its name without the backslash; also words like "sin" and signs like "le"
  kWords,    ///< text: what \text{...} and its like hold
  kSign,     ///< text: one character
  kEnd,
};

struct Token {
  Lexeme lexeme = Lexeme::kEnd;
  std::string text;
  bool after_blank = false;
};

/// The last token is kEnd. Throws LimitReached: an answer or a number that is too long.
std::vector<Token> lex(std::string_view text);

/// What is written the same way in the end: backslashes doubled by an escape too many, Unicode
/// signs, `\!` and dollar signs.
std::string plain_latex(std::string_view text);

}  // namespace thespis::tasks::math
