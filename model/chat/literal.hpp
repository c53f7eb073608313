#pragma once
// Python's literals: numbers, and the escapes within quotes.

#include <string>
#include <string_view>

#include "model/chat/value.hpp"

namespace thespis::model::chat {

struct LiteralError {
  std::string what;
};

struct NumberLiteral {
  Value value;
  size_t size = 0;  ///< Bytes.
};

/// The number at the beginning of `text`, which begins with a digit. Behind a dot only a whole
/// number is read (`items.0.1`).
NumberLiteral number_literal(std::string_view text, bool may_be_float);

/// Python's own limit for whole numbers in decimal digits; whoever reads one keeps to it.
constexpr size_t kDigitsMax = 4300;

/// A whole number in decimal digits (a minus may come first), as wide as it needs.
Value integer_value(std::string_view digits);

/// What stands between quotes, escapes replaced. Throws LiteralError: an escape that is cut short,
/// or stands for half a character.
std::string string_literal(std::string_view text);

}  // namespace thespis::model::chat
