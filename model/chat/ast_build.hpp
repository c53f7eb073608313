#pragma once
// How the parser makes an expression: with its depth, which has a limit.

#include <algorithm>
#include <type_traits>
#include <utility>

#include <fmt/format.h>

#include "model/chat/ast.hpp"
#include "model/chat/lexer.hpp"

namespace thespis::model::chat {

/// Deeper expressions are refused: those who walk them need the stack.
constexpr uint32_t kExpressionDepthMax = 400;

inline void cover(Expression& whole, const ExpressionPtr& part) {
  if (part == nullptr) return;
  whole.depth = std::max(whole.depth, part->depth + 1);
  if (whole.depth > kExpressionDepthMax)
    throw SyntaxError{whole.line, fmt::format("an expression is nested, or goes on, over more than "
                                              "{} parts",
                                              kExpressionDepthMax)};
}

inline void cover(Expression& whole, const ArgumentNodes& arguments) {
  for (const auto& one : arguments.positional) cover(whole, one);
  for (const auto& [name, one] : arguments.named) cover(whole, one);
  cover(whole, arguments.star);
  cover(whole, arguments.double_star);
}

/// Throws SyntaxError: deeper than kExpressionDepthMax.
template <class Node>
ExpressionPtr make_expression(uint32_t line, Node node) {
  auto made = std::make_unique<Expression>();
  made->line = line;
  const auto all = [&](const auto&... parts) { (cover(*made, parts), ...); };
  if constexpr (std::is_same_v<Node, Unary>) all(node.operand);
  if constexpr (std::is_same_v<Node, Binary> || std::is_same_v<Node, Logical>)
    all(node.left, node.right);
  if constexpr (std::is_same_v<Node, Concatenation>)
    for (const auto& part : node.parts) all(part);
  if constexpr (std::is_same_v<Node, Compare>) {
    all(node.first);
    for (const auto& part : node.rest) all(part.second);
  }
  if constexpr (std::is_same_v<Node, Conditional>) all(node.condition, node.yes, node.no);
  if constexpr (std::is_same_v<Node, ListLiteral>)
    for (const auto& part : node.items) all(part);
  if constexpr (std::is_same_v<Node, DictLiteral>)
    for (const auto& [key, value] : node.entries) all(key, value);
  if constexpr (std::is_same_v<Node, AttributeOf>) all(node.object);
  if constexpr (std::is_same_v<Node, ItemOf>) all(node.object, node.index);
  if constexpr (std::is_same_v<Node, SliceOf>) all(node.object, node.start, node.stop, node.step);
  if constexpr (std::is_same_v<Node, Call>) all(node.callee, node.arguments);
  if constexpr (std::is_same_v<Node, Filtered> || std::is_same_v<Node, Tested>)
    all(node.input, node.arguments);
  made->node = std::move(node);
  return made;
}

}  // namespace thespis::model::chat
