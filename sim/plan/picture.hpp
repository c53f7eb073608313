#pragma once
// A sweep as a picture: steps an hour and the learner's idle share over what was varied.

#include <string>
#include <vector>

namespace thespis::sim {

struct SweepPoint {
  uint64_t value = 0;  ///< Of what was varied.
  double steps_per_hour = 0;
  double idle_share = 0;
};

/// An SVG of its own. `points` in order of their values, at least one.
std::string sweep_svg(const std::string& title, const std::string& varied,
                      const std::vector<SweepPoint>& points);

}  // namespace thespis::sim
