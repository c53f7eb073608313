#pragma once
// From the rewards of one group to the advantage of each of its rollouts, and which groups and
// rewards the step uses: GRPO, Dr.GRPO, RLOO, DAPO's dynamic sampling and overlong punishment.
// Pure functions; float64 inside.

#include <cstdint>
#include <span>
#include <vector>

#include "runtime/config/recipe.hpp"

namespace thespis::learner {

/// Added to the standard deviation, as in verl.
inline constexpr double kAdvantageEpsilon = 1e-6;

/// One advantage for each reward of the group, in order:
///   grpo     (r - mean) / (std + kAdvantageEpsilon), DeepSeek-R1 eq. 3; std is the sample standard
///            deviation (divisor G - 1), which is what verl and TRL compute (torch.std)
///   dr_grpo  r - mean (Liu et al. 2025: no division by std)
///   rloo     r - mean of the other G - 1 rewards (Ahmadian et al. 2024)
/// A group whose rewards are all equal (or that has one) gets exact zeros.
/// Throws Error if a reward is not finite: one NaN would destroy the weights.
std::vector<float> group_advantages(config::AdvEstimator estimator, std::span<const float> rewards);

/// DAPO's dynamic sampling: whether a group can teach anything. `values` are its rewards or, as in
/// the paper (0 < correct < G), 1 for each correct rollout and 0 for each other.
bool is_informative(std::span<const float> values);

/// DAPO's soft overlong punishment (Yu et al. 2025, eq. 13), to be added to a rollout's reward:
/// 0 up to length_max - buffer tokens, then linear down to -penalty at length_max and beyond.
/// buffer 0: no shaping, always 0. `buffer` <= `length_max`.
float overlong_reward(uint32_t length, uint32_t length_max, uint32_t buffer, double penalty);

}  // namespace thespis::learner
