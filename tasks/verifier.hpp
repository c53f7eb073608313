#pragma once
// The reward of a completion: a pure function of the task's row and the completion's text, callable
// from any thread.
//   VF-1  Whatever the completion says, the result is a verdict. Only a bad row, an unknown kind or
//         a limit of the judge throws, since then nothing has been judged.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tasks/countdown/countdown_verifier.hpp"

namespace thespis::tasks {

constexpr std::string_view kCountdownKind = "countdown";
constexpr std::string_view kMathKind = "math";  ///< {"answer": the gold answer, LaTeX or plain}

struct RewardWeights {
  double accuracy = 1.0;
  double format = 0.2;
};

struct Verdict {
  Outcome outcome = Outcome::kNoAnswer;
  double score = 0;  ///< Sum of the components, each times its weight.
  /// "accuracy" and "format", each 0 or 1 and without its weight.
  std::vector<std::pair<std::string, double>> components;
  std::string answer;  ///< Canonical, for majority votes; empty: this completion abstains.
  std::string detail;  ///< For people.
};

/// Judges a completion (without its end-of-text token) of a task of `kind`, whose row is JSON.
/// Throws InputError: a kind that nothing verifies, or a row that is not of that kind. Throws
/// Error: the gold answer cannot be read, or comparing with it would go beyond a limit. That a
/// completion's answer cannot be read is no failure to judge: it is wrong.
Verdict judge(std::string_view kind, std::string_view row, std::string_view completion,
              const RewardWeights& weights);

}  // namespace thespis::tasks
