#pragma once
// An answer as it was written: the tree that the parser makes of LaTeX or plain text, before
// anything is computed.
//   ND-1  A tree has at most kNodesMax nodes and a depth that kDepthMax bounds, so that walking it
//         by recursion is safe.

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <gmpxx.h>

namespace thespis::tasks::math {

enum class Kind : uint8_t {
  kNumber,     ///< value; decimal: written with a decimal point.
  kSymbol,     ///< name: "x", "alpha", "x_1"; never a number.
  kText,       ///< name: words, in lower case, without blanks.
  kSum,        ///< args
  kProduct,    ///< args
  kPower,      ///< base, exponent
  kCall,       ///< name: "sin", "sqrt" (args: radicand, degree), "abs", "f"; args
  kPlusMinus,  ///< name "+" or "-" (the sign that comes first); one argument
  kPercent,    ///< one argument, in hundredths
  kDegree,     ///< one argument, an angle
  kInfinity,
  kTuple,     ///< (a, b): name: its brackets, "()", "[]", "(]", "[)"; a pair may be an interval
  kList,      ///< a, b or {a, b}: name "{}" where it had braces
  kMatrix,    ///< name: number of columns; args row by row
  kRelation,  ///< args: two or more sides; name: a letter each between them, see parser.hpp
  kSetSum,    ///< name: "u" union, "n" intersection, "\\" difference; two arguments
  kNamedSet,  ///< name: "R", "Z", "empty", ...
};

struct Node {
  Kind kind = Kind::kNumber;
  std::string name;
  std::vector<Node> args;
  mpq_class value;
  bool decimal = false;
};

inline Node make_node(Kind kind, std::string name, std::vector<Node> args) {
  return {kind, std::move(name), std::move(args), 0, false};
}

inline Node make_number(mpq_class value) {
  return {Kind::kNumber, {}, {}, std::move(value), false};
}

/// A decimal as written, perhaps with a sign before it or a per cent sign behind.
bool is_decimal(const Node& node);

/// True if `test` holds for the node or for any below it.
template <class Test>
bool any_of(const Node& node, const Test& test) {
  if (test(node)) return true;
  for (const Node& arg : node.args)
    if (any_of(arg, test)) return true;
  return false;
}

}  // namespace thespis::tasks::math
