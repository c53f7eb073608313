#pragma once
// How many of what a training needs: the simulator's answers for an operator. A prediction is a run
// of the very actors in virtual time, without faults; the bottleneck is found by trying what more
// of each would bring, not by looking at queues.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "sim/scenario/scenario.hpp"

namespace thespis::sim {

/// What may be varied: the workers of a role, or how old tokens may be.
enum class Knob : uint8_t { kSamplers, kRewards, kReferences, kMaxAge };
/// "samplers", "max_age"
std::string name_of(Knob knob);
/// Throws InputError for any other name; `place` begins the message.
Knob knob_named(const std::string& name, const std::string& place);

uint64_t value_of(const Scenario& scenario, Knob knob);
/// The same cluster with so many of it: workers of a role go where the first ones of it are.
Scenario with(const Scenario& scenario, Knob knob, uint64_t value);

struct Prediction {
  double steps_per_hour = 0;
  double step_s = 0;
  double idle_share = 0;      ///< Of the learner.
  double learner_busy_s = 0;  ///< A step.
  std::vector<double> ages;   ///< Share of the tokens, by age in optimizer steps.
  struct Role {
    std::string name;  ///< "sampler"
    uint64_t workers = 0;
    double busy_share = 0;    ///< Of all its workers' time (of a reward: of its capacity).
    double waiting_mean = 0;  ///< Jobs in its queue at the end of a step.
    uint64_t waiting_max = 0;
  };
  std::vector<Role> roles;
  std::map<std::string, double>
      wait_by;           ///< Share of all time that the learner waited, by for whom.
  uint64_t dropped = 0;  ///< Groups.
};

/// Runs the scenario until the pipeline is full and then so many steps more. Throws Error where the
/// run breaks a promise, for example because no deadline of the recipe can be met.
Prediction predict(const Scenario& scenario);

/// Steps an hour of `draws` runs of other seeds: what chance alone does to a prediction.
struct Spread {
  double least = 0, most = 0;
};
Spread spread_of(const Scenario& scenario, uint32_t draws);

/// What limits it, and what steps an hour twice as much of it would bring (as a factor).
struct Bottleneck {
  std::string name;  ///< "sampler", "reward", "reference", "learner" or "max_age"; "none".
  double gain = 1;
};
Bottleneck bottleneck_of(const Scenario& scenario, const Prediction& now);

/// The least workers of each role with which the learner idles no more than `idle_max`.
struct Need {
  bool reached = false;  ///< False: no number of workers does it; these are the most useful.
  uint64_t samplers = 0, rewards = 0, references = 0;
  double idle_share = 0;
};
Need need_of(const Scenario& scenario, double idle_max);

}  // namespace thespis::sim
