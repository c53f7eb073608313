#pragma once
// Is an answer a solution of a Countdown instance? Exact arithmetic on the parsed text.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "tasks/countdown/countdown.hpp"

namespace thespis::tasks {

enum class Outcome : uint8_t {
  kCorrect,
  kNoAnswer,         ///< No answer in its tags, or more than one.
  kNotAnExpression,  ///< Not arithmetic, or beyond the parser's limits.
  kWrongNumbers,     ///< Not each given number exactly once.
  kWrongValue,
};

/// "correct", "no-answer", "not-an-expression", "wrong-numbers", "wrong-value".
std::string_view name(Outcome outcome);

struct CountdownResult {
  Outcome outcome = Outcome::kNoAnswer;
  std::string
      value;  ///< Exact value as in to_string(Rational), with kCorrect and kWrongValue only.
  std::string detail;  ///< For people: why it is not correct; empty with kCorrect.
};

/// `answer`: the text inside the answer tags, where there is one.
CountdownResult check_countdown(const Countdown& instance,
                                const std::optional<std::string_view>& answer);

}  // namespace thespis::tasks
