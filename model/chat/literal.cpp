#include "model/chat/literal.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include <fmt/format.h>

#include "model/chat/characters.hpp"

namespace thespis::model::chat {
namespace {

bool is_decimal(char c) {
  return c >= '0' && c <= '9';
}

/// Bytes of `digit(_?digit)*` at the beginning, where `is_digit` says what is one.
template <class Rule>
size_t digits_size(std::string_view text, const Rule& is_digit) {
  size_t size = 0;
  while (size < text.size()) {
    const size_t next = size > 0 && text[size] == '_' ? size + 1 : size;
    if (next >= text.size() || !is_digit(text[next])) break;
    size = next + 1;
  }
  return size;
}

/// Bytes of a float at the beginning; 0: there is none.
size_t float_size(std::string_view text) {
  size_t size = digits_size(text, is_decimal);
  bool is_float = false;
  if (text.substr(size).starts_with('.')) {
    const size_t fraction = digits_size(text.substr(size + 1), is_decimal);
    if (fraction == 0) return 0;
    size += 1 + fraction;
    is_float = true;
  }
  if (size < text.size() && (text[size] == 'e' || text[size] == 'E')) {
    size_t exponent = size + 1;
    if (exponent < text.size() && (text[exponent] == '+' || text[exponent] == '-')) ++exponent;
    const size_t digits = digits_size(text.substr(std::min(exponent, text.size())), is_decimal);
    if (digits > 0) return exponent + digits;
  }
  return is_float ? size : 0;
}

std::string without_underscores(std::string_view text) {
  std::string out(text);
  std::erase(out, '_');
  return out;
}

std::optional<unsigned> hex_digit(char c) {
  if (is_decimal(c)) return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A' + 10);
  return std::nullopt;
}

/// 0x1F, 0b101, 0o17 at the beginning.
std::optional<NumberLiteral> prefixed(std::string_view text) {
  if (text.size() < 3 || text[0] != '0') return std::nullopt;
  const char letter = static_cast<char>(text[1] | 0x20);
  const int base = letter == 'x' ? 16 : letter == 'o' ? 8 : letter == 'b' ? 2 : 0;
  if (base == 0) return std::nullopt;
  std::string_view rest = text.substr(2);
  if (rest.starts_with('_')) rest.remove_prefix(1);
  const size_t size = digits_size(rest, [base](char c) {
    const auto digit = hex_digit(c);
    return digit && static_cast<int>(*digit) < base;
  });
  if (size == 0) return std::nullopt;
  const std::string digits = without_underscores(rest.substr(0, size));
  int64_t number = 0;
  const auto end = std::from_chars(digits.data(), digits.data() + digits.size(), number, base);
  if (end.ec != std::errc()) return std::nullopt;
  return NumberLiteral{Value(number), text.size() - rest.size() + size};
}

class Escapes {
 public:
  explicit Escapes(std::string_view text) : text_(text) {}

  std::string run() {
    while (!text_.empty()) {
      const size_t plain = std::min(text_.find('\\'), text_.size());
      out_ += text_.substr(0, plain);
      text_.remove_prefix(plain);
      if (text_.empty()) break;
      text_.remove_prefix(1);
      if (text_.empty()) throw LiteralError{"a text in quotes ends within an escape"};
      escape();
    }
    return std::move(out_);
  }

 private:
  void escape() {
    const char c = text_.front();
    constexpr std::string_view kLetters = "\\'\"abfnrtv\n";
    constexpr std::string_view kMeanings[] = {"\\", "'",  "\"", "\a", "\b", "\f",
                                              "\n", "\r", "\t", "\v", ""};
    if (const size_t place = kLetters.find(c); place != kLetters.npos) {
      out_ += kMeanings[place];
      text_.remove_prefix(1);
    } else if (c >= '0' && c <= '7') {
      char32_t code = 0;
      for (int i = 0; i < 3 && !text_.empty() && text_.front() >= '0' && text_.front() <= '7';
           ++i) {
        code = code * 8 + static_cast<char32_t>(text_.front() - '0');
        text_.remove_prefix(1);
      }
      append_character(out_, code);
    } else if (c == 'x' || c == 'u' || c == 'U') {
      text_.remove_prefix(1);
      hexadecimal(c == 'x' ? 2 : c == 'u' ? 4 : 8);
    } else if (c == 'N') {
      throw LiteralError{"the escape \\N{...} is not supported"};
    } else {
      other();
    }
  }

  void hexadecimal(size_t digits) {
    char32_t code = 0;
    for (size_t i = 0; i < digits; ++i) {
      const auto digit = i < text_.size() ? hex_digit(text_[i]) : std::nullopt;
      if (!digit) throw LiteralError{"a text in quotes has an escape that is cut short"};
      code = code * 16 + *digit;
    }
    text_.remove_prefix(digits);
    if (code > 0x10FFFF || (code >= 0xD800 && code < 0xE000))
      throw LiteralError{"a text in quotes has an escape that is no character"};
    append_character(out_, code);
  }

  /// The backslash stays. Jinja reads what is not ASCII as escapes of its own, so that a backslash
  /// before it shows them.
  void other() {
    const char32_t c = take_character(text_);
    const auto code = static_cast<uint32_t>(c);
    out_ += '\\';
    if (c < 0x80)
      append_character(out_, c);
    else
      out_ += code < 0x100     ? fmt::format("x{:02x}", code)
              : code < 0x10000 ? fmt::format("u{:04x}", code)
                               : fmt::format("U{:08x}", code);
  }

  std::string_view text_;
  std::string out_;
};

}  // namespace

Value integer_value(std::string_view digits) {
  int64_t number = 0;
  const auto end = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (end.ec == std::errc() && end.ptr == digits.data() + digits.size()) return Value(number);
  return Value(BigInteger{std::make_shared<const std::string>(digits)});
}

NumberLiteral number_literal(std::string_view text, bool may_be_float) {
  if (may_be_float)
    if (const size_t size = float_size(text); size > 0) {
      const std::string digits = without_underscores(text.substr(0, size));
      double number = 0;
      const auto end = std::from_chars(digits.data(), digits.data() + digits.size(), number);
      if (end.ec == std::errc::result_out_of_range)
        number = digits.find("e-") != digits.npos || digits.find("E-") != digits.npos
                     ? 0
                     : std::numeric_limits<double>::infinity();
      return {Value(number), size};
    }
  if (const auto number = prefixed(text)) return *number;
  // Decimal digits; a zero is followed by zeros only.
  const size_t size = text[0] == '0' ? digits_size(text, [](char c) { return c == '0'; })
                                     : digits_size(text, is_decimal);
  if (text[0] == '0') return {Value(int64_t{0}), size};
  return {integer_value(without_underscores(text.substr(0, size))), size};
}

std::string string_literal(std::string_view text) {
  return Escapes(text).run();
}

}  // namespace thespis::model::chat
