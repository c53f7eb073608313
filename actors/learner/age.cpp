#include "actors/learner/age.hpp"

#include <algorithm>

#include "runtime/env/mutant.hpp"

namespace thespis::learner {

double AgeStatistics::age_mean() const {
  const uint64_t used = tokens - too_old;
  return used == 0 ? 0 : age_sum / static_cast<double>(used);
}

std::vector<uint8_t> age_mask(std::span<const uint64_t> versions, uint64_t learner_version,
                              uint64_t max_age, AgeStatistics& statistics) {
  std::vector<uint8_t> mask(versions.size(), 0);
  for (size_t i = 0; i < versions.size(); ++i) {
    ++statistics.tokens;
    const bool too_old = versions[i] > learner_version || learner_version - versions[i] > max_age;
    if (too_old && !THESPIS_MUTANT(age_mask_dropped)) {
      ++statistics.too_old;
      continue;
    }
    const uint64_t age = learner_version - versions[i];
    mask[i] = 1;
    statistics.age_max = std::max(statistics.age_max, age);
    statistics.age_sum += static_cast<double>(age);
  }
  return mask;
}

}  // namespace thespis::learner
