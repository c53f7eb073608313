#pragma once
// Held-out accuracy from the verdicts of an evaluation: pass@1 and the majority vote of
// DeepSeek-R1.

#include <cstdint>
#include <span>
#include <string>

namespace thespis {

struct JudgedSample {
  bool correct = false;
  std::string answer;  ///< Canonical; empty: no answer, it abstains from the vote.
};

/// Mean of `correct`.
double pass_at_1(std::span<const JudgedSample> samples);

/// Whether the most frequent answer is a correct one ("cons@k"). Of equally frequent ones the
/// answer that came first counts; without any answer the vote is wrong.
bool majority_is_correct(std::span<const JudgedSample> samples);

}  // namespace thespis
