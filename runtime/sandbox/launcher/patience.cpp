#include "runtime/sandbox/launcher/patience.hpp"

#include <algorithm>

namespace thespis::sandbox {
namespace {

/// Processor time is looked at this long after it may have been used up.
constexpr double kCpuGrainS = 0.004;
constexpr double kStarvedFactorMax = 10;
constexpr double kFirstLookS = 0.05;
constexpr double kWallGrainS = 0.001;

}  // namespace

Look look_at(const Limits& limits, uint32_t processors, double elapsed_s, Meter& meter, long init) {
  double wait_s = limits.wall_s - elapsed_s;
  // A first look that comes late was itself kept waiting for a processor.
  if (elapsed_s > kFirstLookS)
    meter.begin_starving(std::max(0.0, elapsed_s - kFirstLookS - kCpuGrainS));
  if (wait_s <= 0) {
    // A machine that had no time for the job says nothing about the job.
    const double starved_s = meter.starved_s(init);
    const double starved_max_s = limits.wall_s * kStarvedFactorMax;
    wait_s += std::min(starved_s, starved_max_s);
    if (wait_s <= kWallGrainS)
      return {starved_s >= starved_max_s ? Look::Found::kStarved : Look::Found::kOverWall, 0};
  }
  // More than this cannot have been used.
  double used_s = elapsed_s * processors;
  if (used_s >= limits.cpu_s) used_s = meter.cpu_s().value_or(0);
  const double left_s = limits.cpu_s - used_s;
  if (left_s <= 0) return {Look::Found::kOverCpu, 0};
  wait_s = std::min(wait_s, left_s / processors + kCpuGrainS);
  if (elapsed_s <= kFirstLookS) wait_s = std::min(wait_s, kFirstLookS + kCpuGrainS);
  constexpr double kLongestS = 60;
  return {Look::Found::kWithin, std::min(wait_s, kLongestS)};
}

}  // namespace thespis::sandbox
