// See verifier.hpp.

#include "tasks/verifier.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "runtime/base/error.hpp"
#include "tasks/countdown/countdown_row.hpp"
#include "tasks/format_verifier.hpp"
#include "tasks/math/verify.hpp"

namespace thespis::tasks {
namespace {

Verdict countdown_verdict(std::string_view row, std::string_view completion) {
  const Countdown instance = countdown_of(parse_row(row));
  auto result = check_countdown(instance, answer_of(completion));
  Verdict verdict;
  verdict.outcome = result.outcome;
  verdict.answer = std::move(result.value);
  verdict.detail = std::move(result.detail);
  return verdict;
}

/// The gold text of a row: {"answer": "\\frac{1}{2}"}, or a number.
std::string gold_of(const nlohmann::json& row) {
  const auto answer = row.find("answer");
  if (answer != row.end() && answer->is_string()) return answer->get<std::string>();
  if (answer != row.end() && answer->is_number()) return answer->dump();
  throw InputError("\"answer\" is missing or neither text nor number");
}

Verdict math_verdict(std::string_view row, std::string_view completion) {
  const std::string gold = gold_of(parse_row(row));
  // A number in a thought that was cut off is no answer.
  const bool unfinished = completion.find("<think>") != completion.npos &&
                          completion.find("</think>") == completion.npos;
  if (unfinished) completion = {};
  const math::Verification result = math::verify(gold, completion);
  if (result.judgement == math::Judgement::kUnjudged && !result.no_answer)
    throw Error(fmt::format("not judged against \"{}\": {}", gold.substr(0, 100), result.why));
  Verdict verdict;
  if (result.judgement == math::Judgement::kEqual)
    verdict.outcome = Outcome::kCorrect;
  else if (!result.no_answer)
    verdict.outcome = Outcome::kWrongValue;
  else
    verdict.outcome = Outcome::kNoAnswer;
  if (!result.no_answer) verdict.answer = math::vote_text(completion);
  if (verdict.outcome != Outcome::kCorrect)
    verdict.detail = unfinished ? "a thought without an end" : result.why;
  return verdict;
}

}  // namespace

Verdict judge(std::string_view kind, std::string_view row, std::string_view completion,
              const RewardWeights& weights) {
  Verdict verdict;
  if (kind == kCountdownKind)
    verdict = countdown_verdict(row, completion);
  else if (kind == kMathKind)
    verdict = math_verdict(row, completion);
  else
    throw InputError(
        fmt::format("no verifier judges tasks of kind \"{}\"; there are \"{}\", \"{}\"", kind,
                    kCountdownKind, kMathKind));
  const double accuracy = verdict.outcome == Outcome::kCorrect ? 1 : 0;
  const double format = has_r1_zero_format(completion) ? 1 : 0;
  verdict.score = weights.accuracy * accuracy + weights.format * format;
  verdict.components = {{"accuracy", accuracy}, {"format", format}};
  return verdict;
}

}  // namespace thespis::tasks
