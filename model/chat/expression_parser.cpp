// Precedence as in Jinja2's parser.py, lowest first: if, or, and, not, comparisons, + -, ~,
// * / // %, **, signs, then filters and tests.

#include "model/chat/expression_parser.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "model/chat/ast_build.hpp"
#include "model/chat/parser.hpp"

namespace thespis::model::chat {

std::string describe(const Token& token) {
  switch (token.type) {
    case TokenType::kEnd:
      return "the end of the template";
    case TokenType::kData:
      return "text";
    case TokenType::kVariableBegin:
      return "'{{'";
    case TokenType::kVariableEnd:
      return "'}}'";
    case TokenType::kBlockBegin:
      return "'{%'";
    case TokenType::kBlockEnd:
      return "'%}'";
    default:
      return fmt::format("'{}'", token.text.substr(0, 40));
  }
}

ExpressionParser::Level::Level(ExpressionParser& parser) : parser_(parser) {
  if (parser.level_ == kNestingMax)
    parser.fail(fmt::format("nested more than {} deep", kNestingMax));
  ++parser.level_;
}

bool ExpressionParser::take_name(std::string_view name) {
  if (!current().is_name(name)) return false;
  next();
  return true;
}

bool ExpressionParser::take_operator(std::string_view symbol) {
  if (!current().is_operator(symbol)) return false;
  next();
  return true;
}

void ExpressionParser::expect_operator(std::string_view symbol) {
  if (!take_operator(symbol))
    fail(fmt::format("expected '{}', not {}", symbol, describe(current())));
}

void ExpressionParser::expect_name(std::string_view name) {
  if (!take_name(name)) fail(fmt::format("expected '{}', not {}", name, describe(current())));
}

std::string ExpressionParser::expect_any_name() {
  if (current().type != TokenType::kName)
    fail(fmt::format("expected a name, not {}", describe(current())));
  std::string name = current().text;
  next();
  return name;
}

void ExpressionParser::expect(TokenType type, std::string_view what) {
  if (current().type != type) fail(fmt::format("expected {}, not {}", what, describe(current())));
  next();
}

ExpressionPtr ExpressionParser::parse_expression(bool may_be_conditional) {
  const Level level(*this);
  return may_be_conditional ? parse_conditional() : parse_or();
}

ExpressionPtr ExpressionParser::parse_conditional() {
  const uint32_t line = current().line;
  const auto unknown = unknown_;
  ExpressionPtr yes = parse_or();
  while (take_name("if")) {
    ExpressionPtr condition = parse_or(), no;
    if (take_name("else")) no = parse_expression();
    yes = make_expression(line, Conditional{std::move(condition), std::move(yes), std::move(no)});
    unknown_ = unknown;
  }
  return yes;
}

ExpressionPtr ExpressionParser::parse_or() {
  ExpressionPtr left = parse_and();
  for (uint32_t line = current().line; take_name("or"); line = current().line) {
    ExpressionPtr right = parse_and();
    left = make_expression(line, Logical{false, std::move(left), std::move(right)});
  }
  return left;
}

ExpressionPtr ExpressionParser::parse_and() {
  ExpressionPtr left = parse_not();
  for (uint32_t line = current().line; take_name("and"); line = current().line) {
    ExpressionPtr right = parse_not();
    left = make_expression(line, Logical{true, std::move(left), std::move(right)});
  }
  return left;
}

ExpressionPtr ExpressionParser::parse_not() {
  const uint32_t line = current().line;
  if (!take_name("not")) return parse_compare();
  const Level level(*this);
  return make_expression(line, Unary{Sign::kNot, parse_not()});
}

ExpressionPtr ExpressionParser::parse_compare() {
  constexpr std::string_view kSymbols[] = {"==", "!=", "<", "<=", ">", ">="};
  const uint32_t line = current().line;
  ExpressionPtr first = parse_sum();
  std::vector<std::pair<Comparison, ExpressionPtr>> rest;
  for (;;) {
    const auto* symbol =
        std::find_if(std::begin(kSymbols), std::end(kSymbols),
                     [this](std::string_view one) { return current().is_operator(one); });
    Comparison comparison = Comparison::kIn;
    if (symbol != std::end(kSymbols)) {
      comparison = static_cast<Comparison>(symbol - std::begin(kSymbols));
    } else if (current().is_name("not") && look().is_name("in")) {
      next();
      comparison = Comparison::kNotIn;
    } else if (!current().is_name("in")) {
      break;
    }
    next();
    rest.emplace_back(comparison, parse_sum());
  }
  if (rest.empty()) return first;
  return make_expression(line, Compare{std::move(first), std::move(rest)});
}

ExpressionPtr ExpressionParser::parse_sum() {
  ExpressionPtr left = parse_concatenation();
  for (;;) {
    const uint32_t line = current().line;
    const bool plus = current().is_operator("+");
    if (!plus && !current().is_operator("-")) return left;
    next();
    ExpressionPtr right = parse_concatenation();
    left = make_expression(line, Binary{plus ? Arithmetic::kAdd : Arithmetic::kSubtract,
                                        std::move(left), std::move(right)});
  }
}

ExpressionPtr ExpressionParser::parse_concatenation() {
  const uint32_t line = current().line;
  std::vector<ExpressionPtr> parts;
  parts.push_back(parse_product());
  while (take_operator("~")) parts.push_back(parse_product());
  if (parts.size() == 1) return std::move(parts.front());
  return make_expression(line, Concatenation{std::move(parts)});
}

ExpressionPtr ExpressionParser::parse_product() {
  constexpr std::pair<std::string_view, Arithmetic> kSymbols[] = {{"*", Arithmetic::kMultiply},
                                                                  {"/", Arithmetic::kDivide},
                                                                  {"//", Arithmetic::kFloor},
                                                                  {"%", Arithmetic::kModulo}};
  ExpressionPtr left = parse_power();
  for (;;) {
    const uint32_t line = current().line;
    const auto* symbol =
        std::find_if(std::begin(kSymbols), std::end(kSymbols),
                     [this](const auto& one) { return current().is_operator(one.first); });
    if (symbol == std::end(kSymbols)) return left;
    next();
    ExpressionPtr right = parse_power();
    left = make_expression(line, Binary{symbol->second, std::move(left), std::move(right)});
  }
}

ExpressionPtr ExpressionParser::parse_power() {
  ExpressionPtr left = parse_unary(true);
  for (uint32_t line = current().line; take_operator("**"); line = current().line) {
    ExpressionPtr right = parse_unary(true);
    left = make_expression(line, Binary{Arithmetic::kPower, std::move(left), std::move(right)});
  }
  return left;
}

}  // namespace thespis::model::chat
