#pragma once
// From the text of one answer to its tree. The grammar is what people and models write in a box:
// lists of relations of sums, LaTeX or plain; what it does not know is a syntax error, not a guess.
//   PA-1  Time linear in the tokens but for bounded factors; recursion as deep as kDepthMax.
//   PA-2  The same text has the same tree, whoever wrote it.

#include <string_view>

#include "runtime/base/error.hpp"
#include "tasks/math/node.hpp"

namespace thespis::tasks::math {

// Signs of a kRelation, one between two sides.
constexpr char kEqual = '=', kLess = '<', kGreater = '>', kAtMost = 'l', kAtLeast = 'g';
constexpr char kUnequal = '!', kAbout = '~', kElementOf = 'i';

/// The text is no answer in this notation.
class SyntaxError : public Error {
 public:
  using Error::Error;
};

/// True for functions that are written before an argument without brackets: sin, arctan, cosh.
bool is_trigonometric(std::string_view name);

/// Throws SyntaxError, LimitReached.
Node parse(std::string_view text);

}  // namespace thespis::tasks::math
