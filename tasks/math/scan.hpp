#pragma once
// The pieces that answers are looked for among: formulas between signs of LaTeX, boxes, and numbers
// in running text. Each scan is linear in the text.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace thespis::tasks::math {

struct Piece {
  size_t begin = 0, end = 0;  ///< In the text, with the signs round it.
  std::string answer;
};

/// $..$, $$..$$, \(..\), \[..\]; several joined by commas, "and" or "or" are one piece.
std::vector<Piece> formulas(std::string_view text);

/// \boxed{..} and \fbox{..}, in the order of the text; neighbours that belong together are joined
/// in the last one. An unclosed box goes to the end of the text.
std::vector<Piece> boxes(std::string_view text);

/// The number, or the arithmetic of numbers, that begins at `at`; an empty piece if none does.
Piece number_at(std::string_view text, size_t at);

/// The last `count_max` of the text that stand by themselves.
std::vector<Piece> numbers(std::string_view text, size_t count_max);

/// The place of the first character that is no blank, from `at` on.
size_t skip_blanks(std::string_view text, size_t at);

}  // namespace thespis::tasks::math
