// Powers, and what they are made of: numbers, letters, words, brackets.

#include <cctype>

#include "tasks/math/parser_state.hpp"

namespace thespis::tasks::math {
namespace {

mpq_class decimal_value(const std::string& text) {
  const size_t point = text.find('.');
  if (point == std::string::npos) return mpq_class(mpz_class(text, 10));
  std::string digits = text.substr(0, point) + text.substr(point + 1);
  mpz_class scale;
  mpz_ui_pow_ui(scale.get_mpz_t(), 10, text.size() - point - 1);
  mpq_class value(mpz_class(digits.empty() ? "0" : digits, 10), scale);
  value.canonicalize();
  return value;
}

/// 0.1\overline{6}: `text` before the bar, `period` below it.
mpq_class repeating_value(const std::string& text, const std::string& period) {
  const mpq_class head = decimal_value(text);
  mpz_class before, nines;
  mpz_ui_pow_ui(before.get_mpz_t(), 10, text.size() - text.find('.') - 1);
  mpz_ui_pow_ui(nines.get_mpz_t(), 10, period.size());
  nines -= 1;
  mpq_class tail(mpz_class(period, 10), before * nines);
  tail.canonicalize();
  return head + tail;
}

bool is_ordinal(const std::string& words) {
  return words == "th" || words == "st" || words == "nd" || words == "rd";
}

/// Letters that are read as functions before a bracket.
bool is_function_letter(const std::string& text) {
  return text == "f" || text == "g" || text == "h" || text == "F" || text == "G";
}

}  // namespace

Node Parser::signed_factor() {
  bool negative = false;
  while (at_sign('-') || at_sign('+')) {
    if (at_sign('-')) negative = !negative;
    ++at_;
  }
  if (take_command("pm")) return made(Kind::kPlusMinus, negative ? "-" : "+", {factor()});
  Node node = factor();
  if (!negative) return node;
  if (node.kind == Kind::kNumber) {
    node.value = -node.value;
    return node;
  }
  std::vector<Node> args;
  args.push_back(make_number(-1));
  args.push_back(std::move(node));
  return made(Kind::kProduct, "", std::move(args));
}

Node Parser::factor() {
  const Deeper deeper(this);
  return postfix(primary());
}

Node Parser::postfix(Node node) {
  for (uint32_t n = 0;; ++n) {
    if (n > kDepthMax) throw LimitReached("more signs behind a factor than are read");
    if (take_sign('^')) {
      node = exponent(std::move(node));
    } else if (at_sign('\'') || at_command("prime")) {
      ++at_;
      if (node.kind == Kind::kSymbol) node.name += '\'';
    } else if (at_sign('!') && !(peek(1).lexeme == Lexeme::kSign && peek(1).text == "=")) {
      ++at_;
      node = made(Kind::kCall, "factorial", {std::move(node)});
    } else if (take_sign('%') || take_command("%")) {
      node = made(Kind::kPercent, "", {std::move(node)});
    } else if (take_command("circ")) {
      node = made(Kind::kDegree, "", {std::move(node)});
    } else if (at_sign('_')) {
      const std::string index = subscript();
      if (node.kind == Kind::kSymbol || node.kind == Kind::kText) {
        node.name += "_" + index;
      } else if (node.kind == Kind::kNumber && !node.decimal) {
        node = made(Kind::kCall, "base:" + index, {std::move(node)});
      } else if (node.kind != Kind::kCall) {
        node = made(Kind::kCall, "index:" + index, {std::move(node)});
      } else {
        node.name += "_" + index;
      }
    } else {
      return node;
    }
  }
}

Node Parser::exponent(Node base) {
  // ^\circ and ^{\circ} are degrees, ^\prime a name.
  const bool braces = at_sign('{') && peek(1).lexeme == Lexeme::kCommand && peek(2).text == "}";
  const Token& inner = braces ? peek(1) : peek();
  if (inner.lexeme == Lexeme::kCommand && (inner.text == "circ" || inner.text == "prime")) {
    const bool degree = inner.text == "circ";
    at_ += braces ? 3 : 1;
    if (degree) return made(Kind::kDegree, "", {std::move(base)});
    if (base.kind == Kind::kSymbol) base.name += '\'';
    return base;
  }
  Node power = at_sign('-') || at_sign('+') ? signed_factor() : argument();
  if (power.kind == Kind::kText && is_ordinal(power.name)) return base;
  if (power.kind == Kind::kSymbol && power.name.starts_with("'")) return base;
  return made(Kind::kPower, "", {std::move(base), std::move(power)});
}

Node Parser::argument() {
  const Deeper deeper(this);
  if (take_sign('{')) {
    if (take_sign('}')) fail("nothing in the braces");
    Node node = list();
    expect_sign('}');
    return node;
  }
  if (peek().lexeme == Lexeme::kNumber) {
    // TeX takes one digit: \frac12; x^10 is meant as it looks all the same.
    Token& token = tokens_[at_];
    const bool exponent_before = at_ > 0 && tokens_[at_ - 1].text == "^";
    if (!exponent_before && token.text.size() > 1 && token.text.find('.') == std::string::npos) {
      Node digit = make_number(mpq_class(token.text[0] - '0'));
      token.text.erase(0, 1);
      return digit;
    }
    return number();
  }
  if (at_sign('(') && at_ > 0 && tokens_[at_ - 1].text == "^") return bracketed();
  return primary();
}

std::string Parser::subscript() {
  expect_sign('_');
  return raw_argument();
}

std::string Parser::raw_argument() {
  std::string text;
  if (!take_sign('{')) {
    if (peek().lexeme == Lexeme::kEnd) fail("no argument");
    return tokens_[at_++].text;
  }
  for (size_t depth = 1; depth > 0; ++at_) {
    if (peek().lexeme == Lexeme::kEnd) fail("no '}'");
    if (at_sign('{')) ++depth;
    if (at_sign('}') && --depth == 0) continue;
    text += peek().text;
  }
  return text;
}

Node Parser::primary() {
  const Token& token = peek();
  switch (token.lexeme) {
    case Lexeme::kNumber:
      return number();
    case Lexeme::kLetter:
      return letter();
    case Lexeme::kWords:
      return words();
    case Lexeme::kCommand:
      return command();
    case Lexeme::kSign:
      if (at_sign('(') || at_sign('[')) return bracketed();
      if (at_sign('{')) return braced();
      if (at_sign('|')) return absolute();
      break;
    case Lexeme::kEnd:
      break;
  }
  fail("a value is missing");
}

Node Parser::number() {
  if (peek().lexeme != Lexeme::kNumber) fail("a number is missing");
  const std::string text = tokens_[at_++].text;
  if (text.find('.') != std::string::npos && at_command("overline")) {
    ++at_;
    const std::string period = raw_argument();
    const bool digits = !period.empty() && period.size() <= kDigitsMax &&
                        period.find_first_not_of("0123456789") == std::string::npos;
    if (!digits) fail("no digits under the bar");
    ++nodes_;
    return make_number(repeating_value(text, period));
  }
  if (++nodes_ > kNodesMax) throw LimitReached("an answer of more parts than are read");
  Node node = make_number(decimal_value(text));
  node.decimal = text.find('.') != std::string::npos;
  return node;
}

Node Parser::letter() {
  std::string name = tokens_[at_++].text;
  if (is_function_letter(name) && (at_sign('(') || at_sign('^') || at_sign('\''))) {
    // f(x), f'(x), f^{-1}(x)
    const size_t back = at_;
    while (take_sign('\'')) name += '\'';
    if (take_sign('^')) name += "^" + raw_argument();
    if (at_sign('(')) {
      const Deeper deeper(this);
      ++at_;
      Node inner = list();
      if (!take_sign(')')) fail("no ')'");
      if (inner.kind == Kind::kList) return made(Kind::kCall, name, std::move(inner.args));
      return made(Kind::kCall, name, {std::move(inner)});
    }
    at_ = back;
    name.resize(1);
  }
  return made(Kind::kSymbol, std::move(name), {});
}

Node Parser::words() {
  const std::string text = tokens_[at_++].text;
  std::string name;
  for (const char c : text)
    if (std::isalnum(static_cast<unsigned char>(c)) || static_cast<unsigned char>(c) >= 0x80)
      name += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (name.empty()) name = text;  // \text{?}
  if (at_sign('(') && (is_trigonometric(name) || name == "lcm" || name == "gcd" || name == "max" ||
                       name == "min")) {
    Node inner = function_argument();
    if (inner.kind == Kind::kTuple) return made(Kind::kCall, name, std::move(inner.args));
    return made(Kind::kCall, name, {std::move(inner)});
  }
  // \text{m} behind a number is a unit, \text{x} a symbol; a letter by itself is a choice.
  constexpr std::string_view kNoSymbols = "AmgshlLdVWJNKCF";
  const bool letter = text.size() == 1 && std::isalpha(static_cast<unsigned char>(text[0])) != 0;
  if (letter && kNoSymbols.find(text[0]) == kNoSymbols.npos && at_ > 1)
    return made(Kind::kSymbol, text, {});
  return made(Kind::kText, std::move(name), {});
}

Node Parser::absolute() {
  const Deeper deeper(this);
  ++at_;
  ++bars_;
  Node inner = list();
  --bars_;
  if (!take_sign('|') && !take_command("|")) fail("no closing |");
  return made(Kind::kCall, "abs", {std::move(inner)});
}

Node Parser::bracketed() {
  const Deeper deeper(this);
  std::string brackets(1, peek().text[0]);
  ++at_;
  const uint32_t bars = bars_;
  bars_ = 0;
  if (take_sign(')') || take_sign(']')) fail("nothing in the brackets");
  Node inner = list();
  bars_ = bars;
  if (!at_sign(')') && !at_sign(']')) fail("no closing bracket");
  brackets += peek().text[0];
  ++at_;
  if (inner.kind != Kind::kList || inner.name == "{}") return inner;
  return made(Kind::kTuple, std::move(brackets), std::move(inner.args));
}

Node Parser::braced() {
  const Deeper deeper(this);
  ++at_;
  if (take_sign('}')) {  // {} before an index, or nothing at all.
    if (starts_factor()) return factor();
    return made(Kind::kNamedSet, "empty", {});
  }
  const uint32_t bars = bars_;
  bars_ = 0;
  Node inner = list();
  bars_ = bars;
  expect_sign('}');
  return inner;
}

}  // namespace thespis::tasks::math
