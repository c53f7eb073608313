// The rules are those of Jinja2's lexer.py; what it does with regular expressions is done by hand.

#include "model/chat/lexer.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "model/chat/characters.hpp"
#include "model/chat/literal.hpp"

namespace thespis::model::chat {
namespace {

/// Line ends as "\n", and none at the very end.
std::string normalized(std::string_view source) {
  std::string out;
  out.reserve(source.size());
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\r') {
      out += '\n';
      if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
    } else {
      out += source[i];
    }
  }
  if (out.ends_with('\n')) out.pop_back();
  return out;
}

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}
bool is_digit_char(char c) {
  return c >= '0' && c <= '9';
}

constexpr std::string_view kOperators[] = {"//", "**", "==", "!=", ">=", "<=", "+", "-", "/",
                                           "*",  "%",  "~",  "[",  "]",  "(",  ")", "{", "}",
                                           ">",  "<",  "=",  ".",  ":",  "|",  ",", ";"};

class Lexer {
 public:
  explicit Lexer(std::string source) : source_(std::move(source)) {}

  std::vector<Token> run() {
    while (at_ < source_.size()) {
      const size_t tag = next_tag();
      if (tag == std::string::npos) {
        add_data(source_.substr(at_));
        skip(source_.size() - at_);
        break;
      }
      open(tag);
    }
    add(TokenType::kEnd, "");
    return std::move(tokens_);
  }

 private:
  [[noreturn]] void fail(std::string what) const { throw SyntaxError{line_, std::move(what)}; }

  std::string_view rest() const { return std::string_view(source_).substr(at_); }
  bool starts(std::string_view text) const { return rest().starts_with(text); }

  /// Goes on over `count` bytes.
  void skip(size_t count) {
    const auto passed = rest().substr(0, count);
    line_ += static_cast<uint32_t>(std::count(passed.begin(), passed.end(), '\n'));
    if (!passed.empty()) line_starts_ = passed.back() == '\n';
    at_ += passed.size();
  }
  void skip_blanks() { skip(rest().size() - strip(rest(), Ends::kLeft).size()); }
  void add(TokenType type, std::string text, Value number = {}) {
    tokens_.push_back({type, line_, std::move(text), std::move(number)});
  }
  void add_data(std::string text) {
    if (!text.empty()) add(TokenType::kData, std::move(text));
  }

  size_t next_tag() const {
    for (size_t i = source_.find('{', at_); i != std::string::npos; i = source_.find('{', i + 1)) {
      const char next = i + 1 < source_.size() ? source_[i + 1] : '\0';
      if (next == '{' || next == '%' || next == '#') return i;
    }
    return std::string::npos;
  }

  /// The text up to `tag` as far as it is kept: `sign` stands at the tag, `may_strip` where
  /// lstrip_blocks has a say.
  std::string text_before(size_t tag, char sign, bool may_strip) const {
    std::string_view text = std::string_view(source_).substr(at_, tag - at_);
    if (sign == '-') return std::string(strip(text, Ends::kRight));
    if (sign != '+' && may_strip) {
      const size_t newline = text.rfind('\n');
      const size_t line = newline == text.npos ? 0 : newline + 1;
      if ((line > 0 || line_starts_) && strip(text.substr(line), Ends::kBoth).empty())
        text = text.substr(0, line);
    }
    return std::string(text);
  }

  static char sign_of(char c) { return c == '-' || c == '+' ? c : '\0'; }

  void open(size_t tag) {
    const char kind = source_[tag + 1];
    const char sign = tag + 2 < source_.size() ? sign_of(source_[tag + 2]) : '\0';
    add_data(text_before(tag, sign, kind != '{'));
    skip(tag - at_ + 2 + (sign != 0 ? 1 : 0));
    if (kind == '#') return comment();
    if (kind == '%' && raw_begins()) return raw();
    add(kind == '{' ? TokenType::kVariableBegin : TokenType::kBlockBegin, "");
    inside(kind == '{');
  }

  /// The end of a comment, block or raw block at the place reached, with the blanks that go with
  /// it. `sign`: '+', '-' or none.
  bool end_tag(std::string_view close) {
    const char sign = at_ < source_.size() ? sign_of(source_[at_]) : '\0';
    if (!rest().substr(sign != 0 ? 1 : 0).starts_with(close)) return false;
    skip(close.size() + (sign != 0 ? 1 : 0));
    if (sign == '-')
      skip_blanks();
    else if (sign == 0 && starts("\n"))
      skip(1);
    return true;
  }

  void comment() {
    size_t end = source_.find("#}", at_);
    if (end == std::string::npos) fail("Missing end of comment tag");
    if (end > at_ && sign_of(source_[end - 1]) != 0) --end;
    skip(end - at_);
    end_tag("#}");
  }

  /// Whether `{%` begins a raw block; then the place is behind its tag.
  bool raw_begins() {
    std::string_view text = strip(rest(), Ends::kLeft);
    if (!text.starts_with("raw")) return false;
    text = strip(text.substr(3), Ends::kLeft);
    const bool strips = text.starts_with("-%}");
    if (!strips && !text.starts_with("%}")) return false;
    skip(rest().size() - text.size() + (strips ? 3 : 2));
    if (strips) skip_blanks();
    return true;
  }

  void raw() {
    for (size_t tag = source_.find("{%", at_); tag != std::string::npos;
         tag = source_.find("{%", tag + 1)) {
      std::string_view text = std::string_view(source_).substr(tag + 2);
      const char sign = text.empty() ? '\0' : sign_of(text.front());
      if (sign != 0) text.remove_prefix(1);
      text = strip(text, Ends::kLeft);
      if (!text.starts_with("endraw")) continue;
      text = strip(text.substr(6), Ends::kLeft);
      const char last = text.empty() ? '\0' : sign_of(text.front());
      if (!text.substr(last != 0 ? 1 : 0).starts_with("%}")) continue;
      add_data(text_before(tag, sign, true));
      skip(source_.size() - text.size() - at_);
      end_tag("%}");
      return;
    }
    fail("Missing end of raw directive");
  }

  /// Everything from `{{` or `{%` to its end.
  void inside(bool variable) {
    std::string closers;  // Of the brackets that are open.
    while (at_ < source_.size()) {
      if (closers.empty() && (variable ? starts("}}") || starts("-}}")
                                       : starts("%}") || starts("-%}") || starts("+%}"))) {
        add(variable ? TokenType::kVariableEnd : TokenType::kBlockEnd, "");
        if (!variable) {
          end_tag("%}");
          return;
        }
        const bool strips = starts("-");
        skip(strips ? 3 : 2);
        if (strips) skip_blanks();
        return;
      }
      const size_t before = at_;
      skip_blanks();
      if (at_ == before) token(closers);
    }
  }

  void token(std::string& closers) {
    const char c = source_[at_];
    const bool after_dot = at_ > 0 && source_[at_ - 1] == '.';
    if (is_digit_char(c)) {
      const NumberLiteral number = number_literal(rest(), !after_dot);
      if (number.value.is(Kind::kBigInteger) && number.size > kDigitsMax)
        fail(fmt::format("a whole number has more than {} digits", kDigitsMax));
      add(TokenType::kNumber, std::string(rest().substr(0, number.size)), number.value);
      return skip(number.size);
    }
    if (is_word(c)) {
      size_t size = 1;
      while (at_ + size < source_.size() && is_word(source_[at_ + size])) ++size;
      add(TokenType::kName, std::string(rest().substr(0, size)));
      return skip(size);
    }
    if (c == '\'' || c == '"') return string_token();
    for (const std::string_view symbol : kOperators) {
      if (!starts(symbol)) continue;
      balance(symbol, closers);
      add(TokenType::kOperator, std::string(symbol));
      return skip(symbol.size());
    }
    std::string_view text = rest();
    const size_t size = text.size();
    take_character(text);
    fail(fmt::format("unexpected character '{}'", rest().substr(0, size - text.size())));
  }

  void balance(std::string_view symbol, std::string& closers) const {
    constexpr std::string_view kOpen = "{([", kClose = "})]";
    if (const size_t open = kOpen.find(symbol); open != kOpen.npos) closers += kClose[open];
    if (kClose.find(symbol) == kClose.npos) return;
    if (closers.empty()) fail(fmt::format("unexpected '{}'", symbol));
    if (closers.back() != symbol.front())
      fail(fmt::format("unexpected '{}', expected '{}'", symbol, closers.back()));
    closers.pop_back();
  }

  void string_token() {
    size_t end = at_ + 1;
    while (end < source_.size() && source_[end] != source_[at_])
      end += source_[end] == '\\' ? 2 : 1;
    if (end >= source_.size()) fail("a text in quotes has no end");
    try {
      add(TokenType::kString,
          string_literal(std::string_view(source_).substr(at_ + 1, end - at_ - 1)));
    } catch (const LiteralError& error) {
      fail(error.what);
    }
    skip(end + 1 - at_);
  }

  std::string source_;
  size_t at_ = 0;
  uint32_t line_ = 1;
  bool line_starts_ = true;
  std::vector<Token> tokens_;
};

}  // namespace

std::vector<Token> tokenize(std::string_view source) {
  return Lexer(normalized(source)).run();
}

}  // namespace thespis::model::chat
