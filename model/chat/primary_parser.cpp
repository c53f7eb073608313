// What operators stand between: literals, names, calls, subscripts, filters and tests.

#include <fmt/format.h>

#include "model/chat/ast_build.hpp"
#include "model/chat/expression_parser.hpp"
#include "model/chat/filters.hpp"
#include "model/chat/tests.hpp"

namespace thespis::model::chat {

ExpressionPtr ExpressionParser::parse_unary(bool with_filters) {
  const uint32_t line = current().line;
  ExpressionPtr node;
  if (current().is_operator("-") || current().is_operator("+")) {
    const Level level(*this);
    const Sign sign = current().is_operator("-") ? Sign::kMinus : Sign::kPlus;
    next();
    node = make_expression(line, Unary{sign, parse_unary(false)});
  } else {
    node = parse_primary();
  }
  node = parse_postfix(std::move(node));
  return with_filters ? parse_filters_and_tests(std::move(node)) : std::move(node);
}

ExpressionPtr ExpressionParser::parse_primary() {
  const Token& token = current();
  const uint32_t line = token.line;
  if (token.type == TokenType::kName) return parse_name();
  if (token.type == TokenType::kString) {
    std::string text;
    for (; current().type == TokenType::kString; next()) text += current().text;
    return make_expression(line, Constant{Value::text(std::move(text))});
  }
  if (token.type == TokenType::kNumber) {
    Value number = token.number;
    next();
    return make_expression(line, Constant{std::move(number)});
  }
  if (token.is_operator("(")) {
    next();
    ExpressionPtr inner = parse_tuple(true, "", true);
    expect_operator(")");
    return inner;
  }
  if (token.is_operator("[")) return parse_list();
  if (token.is_operator("{")) return parse_dict();
  fail(fmt::format("expected an expression, not {}", describe(token)));
}

ExpressionPtr ExpressionParser::parse_name() {
  const uint32_t line = current().line;
  std::string name = expect_any_name();
  if (name == "true" || name == "True") return make_expression(line, Constant{Value(true)});
  if (name == "false" || name == "False") return make_expression(line, Constant{Value(false)});
  if (name == "none" || name == "None") return make_expression(line, Constant{Value::none()});
  uses_varargs_ = uses_varargs_ || name == "varargs";
  uses_kwargs_ = uses_kwargs_ || name == "kwargs";
  uses_caller_ = uses_caller_ || name == "caller";
  return make_expression(line, Name{std::move(name)});
}

ExpressionPtr ExpressionParser::parse_tuple(bool may_be_conditional, std::string_view stop,
                                            bool may_be_empty) {
  const uint32_t line = current().line;
  std::vector<ExpressionPtr> items;
  bool is_tuple = false;
  for (;;) {
    if (!items.empty()) expect_operator(",");
    const bool ends = current().type == TokenType::kVariableEnd ||
                      current().type == TokenType::kBlockEnd || current().is_operator(")") ||
                      (!stop.empty() && current().is_name(stop));
    if (ends) break;
    items.push_back(parse_expression(may_be_conditional));
    if (!current().is_operator(",")) break;
    is_tuple = true;
  }
  if (!is_tuple && items.size() == 1) return std::move(items.front());
  if (!is_tuple && !may_be_empty)
    fail(fmt::format("expected an expression, not {}", describe(current())));
  return make_expression(line, ListLiteral{true, std::move(items)});
}

ExpressionPtr ExpressionParser::parse_list() {
  const uint32_t line = current().line;
  expect_operator("[");
  std::vector<ExpressionPtr> items;
  while (!current().is_operator("]")) {
    if (!items.empty()) expect_operator(",");
    if (current().is_operator("]")) break;
    items.push_back(parse_expression());
  }
  expect_operator("]");
  return make_expression(line, ListLiteral{false, std::move(items)});
}

ExpressionPtr ExpressionParser::parse_dict() {
  const uint32_t line = current().line;
  expect_operator("{");
  std::vector<std::pair<ExpressionPtr, ExpressionPtr>> entries;
  while (!current().is_operator("}")) {
    if (!entries.empty()) expect_operator(",");
    if (current().is_operator("}")) break;
    ExpressionPtr key = parse_expression();
    expect_operator(":");
    ExpressionPtr value = parse_expression();
    entries.emplace_back(std::move(key), std::move(value));
  }
  expect_operator("}");
  return make_expression(line, DictLiteral{std::move(entries)});
}

ExpressionPtr ExpressionParser::parse_postfix(ExpressionPtr node) {
  for (;;) {
    if (current().is_operator(".") || current().is_operator("["))
      node = parse_subscript(std::move(node));
    else if (current().is_operator("("))
      node = parse_call(std::move(node));
    else
      return node;
  }
}

ExpressionPtr ExpressionParser::parse_filters_and_tests(ExpressionPtr node) {
  for (;;) {
    if (current().is_operator("|"))
      node = parse_filters(std::move(node), false);
    else if (current().is_name("is"))
      node = parse_test(std::move(node));
    else if (current().is_operator("("))
      node = parse_call(std::move(node));
    else
      return node;
  }
}

ExpressionPtr ExpressionParser::parse_subscript(ExpressionPtr node) {
  const uint32_t line = current().line;
  if (take_operator(".")) {
    if (current().type == TokenType::kNumber && current().number.is(Kind::kInteger)) {
      ExpressionPtr index = make_expression(line, Constant{current().number});
      next();
      return make_expression(line, ItemOf{std::move(node), std::move(index)});
    }
    return make_expression(line, AttributeOf{std::move(node), expect_any_name()});
  }
  expect_operator("[");
  if (current().is_operator("]")) {
    next();
    return make_expression(line,
                           ItemOf{std::move(node), make_expression(line, ListLiteral{true, {}})});
  }
  ExpressionPtr bounds[3];
  if (!current().is_operator(":")) bounds[0] = parse_expression();
  if (current().is_operator(",")) fail("an index with commas is not supported");
  if (take_operator("]"))
    return make_expression(line, ItemOf{std::move(node), std::move(bounds[0])});
  for (int i = 1; i < 3 && take_operator(":"); ++i)
    if (!current().is_operator(":") && !current().is_operator("]")) bounds[i] = parse_expression();
  expect_operator("]");
  return make_expression(line, SliceOf{std::move(node), std::move(bounds[0]), std::move(bounds[1]),
                                       std::move(bounds[2])});
}

ArgumentNodes ExpressionParser::parse_arguments() {
  ArgumentNodes arguments;
  expect_operator("(");
  bool first = true;
  while (!current().is_operator(")")) {
    if (!first) expect_operator(",");
    first = false;
    if (current().is_operator(")")) break;
    const bool may_follow = arguments.double_star == nullptr;
    if (may_follow && arguments.star == nullptr && take_operator("*")) {
      arguments.star = parse_expression();
    } else if (may_follow && take_operator("**")) {
      arguments.double_star = parse_expression();
    } else if (may_follow && current().type == TokenType::kName && look().is_operator("=")) {
      std::string name = expect_any_name();
      next();
      arguments.named.emplace_back(std::move(name), parse_expression());
    } else if (may_follow && arguments.star == nullptr && arguments.named.empty()) {
      arguments.positional.push_back(parse_expression());
    } else {
      fail("invalid order of the arguments of a call");
    }
  }
  expect_operator(")");
  return arguments;
}

ExpressionPtr ExpressionParser::parse_call(ExpressionPtr node) {
  const uint32_t line = current().line;
  ArgumentNodes arguments = parse_arguments();
  return make_expression(line, Call{std::move(node), std::move(arguments)});
}

ExpressionPtr ExpressionParser::parse_filters(ExpressionPtr input, bool first_without_bar) {
  while (first_without_bar || take_operator("|")) {
    first_without_bar = false;
    const uint32_t line = current().line;
    if (current().type != TokenType::kName)
      fail(fmt::format("expected the name of a filter, not {}", describe(current())));
    const FilterEntry* filter = find_filter(current().text);
    const std::string name = current().text;
    if (filter == nullptr && !unknown_)
      unknown_ = SyntaxError{line, fmt::format("the filter `{}` is not supported", name)};
    next();
    ArgumentNodes arguments;
    if (current().is_operator("(")) arguments = parse_arguments();
    input = make_expression(line, Filtered{std::move(input), filter, name, std::move(arguments)});
  }
  return input;
}

ExpressionPtr ExpressionParser::parse_test(ExpressionPtr node) {
  const uint32_t line = current().line;
  expect_name("is");
  const bool negated = take_name("not");
  if (current().type != TokenType::kName)
    fail(fmt::format("expected the name of a test, not {}", describe(current())));
  const TestEntry* test = find_test(current().text);
  const std::string name = current().text;
  if (test == nullptr && !unknown_)
    unknown_ = SyntaxError{line, fmt::format("the test `{}` is not supported", name)};
  next();
  ArgumentNodes arguments;
  const Token& token = current();
  if (token.is_operator("(")) {
    arguments = parse_arguments();
  } else if ((token.type == TokenType::kName && !token.is_name("else") && !token.is_name("or") &&
              !token.is_name("and")) ||
             token.type == TokenType::kString || token.type == TokenType::kNumber ||
             token.is_operator("[") || token.is_operator("{")) {
    if (token.is_name("is")) fail("tests cannot be chained with `is`");
    const Level level(*this);
    arguments.positional.push_back(parse_postfix(parse_primary()));
  }
  ExpressionPtr tested =
      make_expression(line, Tested{std::move(node), test, name, std::move(arguments)});
  if (!negated) return tested;
  return make_expression(line, Unary{Sign::kNot, std::move(tested)});
}

}  // namespace thespis::model::chat
