// The instance's witness is not looked at: any solution counts.

#include "tasks/countdown/countdown_verifier.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "runtime/base/assert.hpp"
#include "tasks/countdown/expression.hpp"

namespace thespis::tasks {

std::string_view name(Outcome outcome) {
  switch (outcome) {
    case Outcome::kCorrect:
      return "correct";
    case Outcome::kNoAnswer:
      return "no-answer";
    case Outcome::kNotAnExpression:
      return "not-an-expression";
    case Outcome::kWrongNumbers:
      return "wrong-numbers";
    case Outcome::kWrongValue:
      return "wrong-value";
  }
  THESPIS_ASSERT(false);
}

CountdownResult check_countdown(const Countdown& instance,
                                const std::optional<std::string_view>& answer) {
  if (!answer)
    return {Outcome::kNoAnswer, "", "not exactly one <answer>...</answer> after one </think>"};
  auto evaluation = evaluate(*answer);
  if (evaluation.outcome != ExpressionOutcome::kValue)
    return {Outcome::kNotAnExpression, "",
            fmt::format("the answer is {}", describe(evaluation.outcome))};
  auto given = instance.numbers;
  std::sort(given.begin(), given.end());
  auto& used = evaluation.numbers;
  std::sort(used.begin(), used.end());
  if (used != given)
    return {Outcome::kWrongNumbers, "",
            fmt::format("uses {}, not {}", fmt::join(used, " "), fmt::join(given, " "))};
  const std::string value = to_string(evaluation.value);
  if (evaluation.value == Rational{instance.target, 1}) return {Outcome::kCorrect, value, ""};
  return {Outcome::kWrongValue, value, fmt::format("comes to {}, not {}", value, instance.target)};
}

}  // namespace thespis::tasks
