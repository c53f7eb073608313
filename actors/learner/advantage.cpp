#include "actors/learner/advantage.hpp"

#include <algorithm>
#include <cmath>

#include "runtime/base/assert.hpp"
#include "runtime/base/error.hpp"

namespace thespis::learner {
namespace {

double mean_of(std::span<const float> values) {
  double sum = 0;
  for (const float v : values) sum += v;
  return sum / static_cast<double>(values.size());
}

/// With divisor n - 1; needs two values.
double sample_std(std::span<const float> values, double mean) {
  double squares = 0;
  for (const float v : values) squares += (v - mean) * (v - mean);
  return std::sqrt(squares / static_cast<double>(values.size() - 1));
}

}  // namespace

std::vector<float> group_advantages(config::AdvEstimator estimator,
                                    std::span<const float> rewards) {
  for (const float r : rewards)
    if (!std::isfinite(r)) throw Error("a group has a reward that is not a finite number");
  std::vector<float> advantages(rewards.size(), 0.0f);
  if (!is_informative(rewards)) return advantages;
  const double mean = mean_of(rewards);
  double scale = 1;
  switch (estimator) {
    case config::AdvEstimator::kGrpo:
      scale = 1 / (sample_std(rewards, mean) + kAdvantageEpsilon);
      break;
    case config::AdvEstimator::kDrGrpo:
      break;
    case config::AdvEstimator::kRloo:  // r_i - (G mean - r_i) / (G - 1) = G / (G - 1) (r_i - mean)
      scale = static_cast<double>(rewards.size()) / static_cast<double>(rewards.size() - 1);
      break;
  }
  for (size_t i = 0; i < rewards.size(); ++i)
    advantages[i] = static_cast<float>((rewards[i] - mean) * scale);
  return advantages;
}

bool is_informative(std::span<const float> values) {
  return std::any_of(values.begin(), values.end(), [&](float v) { return v != values.front(); });
}

float overlong_reward(uint32_t length, uint32_t length_max, uint32_t buffer, double penalty) {
  THESPIS_ASSERT(buffer <= length_max);
  const uint32_t free_length = length_max - buffer;
  if (buffer == 0 || length <= free_length) return 0.0f;
  const double share = static_cast<double>(length - free_length) / buffer;
  return static_cast<float>(-penalty * std::min(share, 1.0));
}

}  // namespace thespis::learner
