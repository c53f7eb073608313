// See shapes.hpp.

#include "tasks/math/shapes.hpp"

#include <algorithm>
#include <cctype>

#include "tasks/math/evaluate.hpp"

namespace thespis::tasks::math {
namespace {

bool only_symbols(const Node& node) {
  const bool symbol =
      any_of(node, [](const Node& n) { return n.kind == Kind::kSymbol || n.kind == Kind::kText; });
  const auto is_number = [](const Node& n) { return n.kind == Kind::kNumber && n.value != -1; };
  return symbol && !any_of(node, is_number);
}

/// The tree with every plus-minus sign taken as `sign` says.
Node signed_copy(const Node& node, bool plus) {
  Node result = node;
  for (Node& arg : result.args) arg = signed_copy(arg, plus);
  if (node.kind != Kind::kPlusMinus) return result;
  if ((node.name == "+") == plus) return result.args[0];
  return make_node(Kind::kProduct, "", {make_number(-1), result.args[0]});
}

bool has_plus_minus(const Node& node) {
  return any_of(node, [](const Node& n) { return n.kind == Kind::kPlusMinus; });
}

}  // namespace

bool is_equation(const Node& node) {
  return node.kind == Kind::kRelation && node.name.find_first_not_of("=i~") == std::string::npos;
}

bool is_assignment(const Node& node) {
  return is_equation(node) && only_symbols(node.args[0]);
}

std::string letters_of(const Node& node) {
  if (node.kind == Kind::kSymbol || node.kind == Kind::kText) {
    std::string result;
    for (const char c : node.name)
      result += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return result;
  }
  if (node.kind != Kind::kProduct) return "";
  std::string result;
  for (const Node& arg : node.args) {
    const std::string part = letters_of(arg);
    if (part.empty()) return "";
    result += part;
  }
  return result;
}

Node without_plus_minus(Node node) {
  if (!has_plus_minus(node)) return node;
  if (node.kind == Kind::kList) {
    std::vector<Node> elements;
    for (Node& arg : node.args) {
      const bool expands = has_plus_minus(arg) && arg.kind != Kind::kRelation;
      Node element = without_plus_minus(std::move(arg));
      if (expands && element.kind == Kind::kList)
        for (Node& inner : element.args) elements.push_back(std::move(inner));
      else
        elements.push_back(std::move(element));
    }
    node.args = std::move(elements);
    return node;
  }
  if (node.kind == Kind::kRelation) {
    for (Node& arg : node.args) arg = without_plus_minus(std::move(arg));
    return node;
  }
  Node plus = signed_copy(node, true), minus = signed_copy(node, false);
  return make_node(Kind::kList, "", {std::move(plus), std::move(minus)});
}

std::string canonical_text(const Node& node, Algebra& algebra) {
  if (is_assignment(node)) return canonical_text(node.args.back(), algebra);
  std::vector<std::string> parts;
  const auto all_parts = [&] {
    for (const Node& arg : node.args) parts.push_back(canonical_text(arg, algebra));
  };
  std::string open, close;
  switch (node.kind) {
    case Kind::kInfinity:
      return "infinity";
    case Kind::kNamedSet:
      return node.name;
    case Kind::kTuple:
      all_parts();
      open = node.name.substr(0, 1), close = node.name.substr(1);
      break;
    case Kind::kList:
      all_parts();
      std::sort(parts.begin(), parts.end());
      parts.erase(std::unique(parts.begin(), parts.end()), parts.end());
      open = "{", close = "}";
      break;
    case Kind::kMatrix:
    case Kind::kRelation:
    case Kind::kSetSum:
      all_parts();
      open = node.name + "(", close = ")";
      break;
    default: {
      if (const int sign = infinite_sign(node)) return sign > 0 ? "infinity" : "-infinity";
      const std::string letters = letters_of(node);
      return letters.empty() ? algebra.text(evaluate(node, algebra)) : letters;
    }
  }
  std::string result = open;
  for (size_t i = 0; i < parts.size(); ++i) result += (i == 0 ? "" : ", ") + parts[i];
  return result + close;
}

}  // namespace thespis::tasks::math
