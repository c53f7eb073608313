#pragma once
// How fast the machines of a plan are, from what a run measured: its metrics.jsonl.

#include <string>
#include <string_view>

#include "sim/scenario/scenario.hpp"

namespace thespis::sim {

/// What the lines of a run's metrics.jsonl come to, its first step left out. All of one step.
struct Measured {
  uint64_t steps = 0;
  double busy_s = 0, wait_s = 0;  ///< Of the learner.
  double length_mean = 0, length_std = 0;
};
/// Throws InputError: no such lines, fewer than two steps, or a run with train.max_age > 0, in
/// which the learner's waiting says nothing of how fast a sampler is.
Measured read_metrics(std::string_view text, const std::string& source);

/// Sets lengths, decode time and training time of `scenario` so that its own synchronous run,
/// without slow rewards, takes what was measured: by simulating that run.
void calibrate(Scenario& scenario, const Measured& measured);

}  // namespace thespis::sim
