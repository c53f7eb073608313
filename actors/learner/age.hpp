#pragma once
// The age of tokens in optimizer steps, and the promise AGE: a token older than max_age is masked.

#include <cstdint>
#include <span>
#include <vector>

namespace thespis::learner {

/// Ages of the tokens seen so far.
struct AgeStatistics {
  uint64_t tokens = 0;
  uint64_t too_old = 0;     ///< Tokens over the bound, which get no gradient.
  uint64_t age_max = 0;     ///< Over tokens that are learned from: never above the bound.
  double age_sum = 0;       ///< Over the same.
  double age_mean() const;  ///< 0 where there are none.
};

/// 1 for each token that may be learned from: learner_version - versions[i] <= max_age. A version
/// above the learner's (a restored learner met by a rollout of its former life) is no age that can
/// be bounded: it counts as too old. Adds to `statistics`.
std::vector<uint8_t> age_mask(std::span<const uint64_t> versions, uint64_t learner_version,
                              uint64_t max_age, AgeStatistics& statistics);

}  // namespace thespis::learner
