#pragma once
// What a parsed answer is, by its form: a name with its value, a word, two answers in one.

#include <string>

#include "tasks/math/algebra.hpp"
#include "tasks/math/node.hpp"

namespace thespis::tasks::math {

/// A relation, or a chain of them, with nothing but equals signs and element signs.
bool is_equation(const Node& node);

/// x = 5, f(x) = x^2, (p, q) = (3, 2): a name and what it stands for.
bool is_assignment(const Node& node);

/// Letters side by side, or words, in lower case: what a text answer is made of. Empty: something
/// else.
std::string letters_of(const Node& node);

/// What is written with a plus-minus sign becomes the list of both values.
Node without_plus_minus(Node node);

/// The same text for equal answers, as far as a form of their own tells: what votes are counted by.
/// Throws LimitReached, NoValue.
std::string canonical_text(const Node& node, Algebra& algebra);

}  // namespace thespis::tasks::math
