#pragma once
// Do two parsed answers mean the same? The rules are those of Math-Verify, which the field trains
// with: the gold answer says what is asked for (x = 5, or 5, or an interval), the other may say it
// with or without the name, as a tuple or a list, in any order where the gold is a set.
//   MC-1  true is proved, but for decimals, which are compared rounded as the options say.
//   MC-2  What rounding alone says is no verdict: LimitReached.

#include "tasks/math/algebra.hpp"
#include "tasks/math/node.hpp"

namespace thespis::tasks::math {

struct CompareOptions {
  uint32_t decimals = 6;           ///< Places to which decimals as written are compared.
  bool relations_as_sets = false;  ///< A predicted 1 < x < 2 may stand for a gold (1, 2).
};

/// Of answers without plus-minus signs. Throws LimitReached; NoValue where the gold has no value.
bool equal(const Node& gold, const Node& prediction, const CompareOptions& options,
           Algebra& algebra);

}  // namespace thespis::tasks::math
