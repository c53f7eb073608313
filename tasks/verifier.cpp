// See verifier.hpp.

#include "tasks/verifier.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "runtime/base/error.hpp"
#include "tasks/countdown/countdown_row.hpp"
#include "tasks/format_verifier.hpp"

namespace thespis::tasks {

Verdict judge(std::string_view kind, std::string_view row, std::string_view completion,
              const RewardWeights& weights) {
  if (kind != kCountdownKind)
    throw InputError(fmt::format("no verifier judges tasks of kind \"{}\"; there is one for \"{}\"",
                                 kind, kCountdownKind));
  const Countdown instance = countdown_of(parse_row(row));
  auto result = check_countdown(instance, answer_of(completion));
  const double accuracy = result.outcome == Outcome::kCorrect ? 1 : 0;
  const double format = has_r1_zero_format(completion) ? 1 : 0;
  Verdict verdict;
  verdict.outcome = result.outcome;
  verdict.score = weights.accuracy * accuracy + weights.format * format;
  verdict.components = {{"accuracy", accuracy}, {"format", format}};
  verdict.answer = std::move(result.value);
  verdict.detail = std::move(result.detail);
  return verdict;
}

}  // namespace thespis::tasks
