#pragma once
// Sets of real numbers as disjoint intervals, exactly: what intervals, unions, inequalities mean.

#include <optional>
#include <vector>

#include "tasks/math/algebra.hpp"
#include "tasks/math/node.hpp"

namespace thespis::tasks::math {

struct Interval {
  std::optional<Form> low, high;  ///< None: without an end on this side.
  bool low_open = true, high_open = true;
};

/// Ascending, apart from one another.
using RealSet = std::vector<Interval>;

/// Throws LimitReached where two numbers are too close to tell apart, NoValue where one is not
/// real.
int compare_reals(const Form& a, const Form& b, Algebra& algebra);

/// An interval, a union, a finite set of numbers, R or the empty set; a linear inequality or chain
/// of them in one unknown (x, f(x), |x|). None: something else. Throws as evaluate().
std::optional<RealSet> real_set(const Node& node, Algebra& algebra);

bool equal(const RealSet& a, const RealSet& b, Algebra& algebra);

}  // namespace thespis::tasks::math
