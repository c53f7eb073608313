#pragma once
// A text's final answer, read: the first of its candidates that parses.

#include <optional>
#include <string>
#include <string_view>

#include "tasks/math/extract.hpp"
#include "tasks/math/node.hpp"

namespace thespis::tasks::math {

struct Reading {
  std::optional<Node> answer;  ///< Without plus-minus signs. None: nothing could be parsed.
  std::string text;            ///< What it was read from, without blanks; empty: no answer at all.
  std::string limit;           ///< Not empty: this limit ended the reading.
};

Reading read_answer(std::string_view text, const Notation& notation);

/// A number without the unit behind it: "10 cm" is "10". Other texts are as they were.
std::string_view without_unit(std::string_view answer);

}  // namespace thespis::tasks::math
