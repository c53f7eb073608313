#include "actors/evaluator/vote.hpp"

#include <algorithm>
#include <map>

namespace thespis {

double pass_at_1(std::span<const JudgedSample> samples) {
  if (samples.empty()) return 0;
  double correct = 0;
  for (const JudgedSample& s : samples) correct += s.correct;
  return correct / static_cast<double>(samples.size());
}

bool majority_is_correct(std::span<const JudgedSample> samples) {
  std::map<std::string, uint32_t> votes;
  uint32_t most = 0;
  for (const JudgedSample& s : samples)
    if (!s.answer.empty()) most = std::max(most, ++votes[s.answer]);
  for (const JudgedSample& s : samples)
    if (!s.answer.empty() && votes[s.answer] == most) return s.correct;
  return false;
}

}  // namespace thespis
