#pragma once
// Is what a program printed the expected output? Tokens between blanks, as contests compare them.

#include <optional>
#include <string>
#include <string_view>

namespace thespis::tasks {

struct OutputRule {
  bool ignore_case = false;       ///< Of ASCII letters.
  bool exact_blanks = false;      ///< Blanks count: the output must be the same byte for byte.
  double absolute_tolerance = 0;  ///< Where an expected token is a number. 0: none.
  double relative_tolerance = 0;  ///< Of the expected number.
};

/// Nothing where `given` counts as `expected`; else what differs first, for people, not escaped.
std::optional<std::string> difference(std::string_view given, std::string_view expected,
                                      const OutputRule& rule);

}  // namespace thespis::tasks
