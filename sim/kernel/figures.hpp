#pragma once
// What a simulated run shows a planner: when each step was done and what the learner waited for,
// who computed how long, what stood in queues, how old the tokens were.

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace thespis::sim {

struct Figures {
  struct Step {
    double at_s = 0;                        ///< When it was done.
    double wait_s = 0, busy_s = 0;          ///< Of the learner.
    std::string starved_by;                 ///< StepReport::starved_by
    std::map<std::string, double> busy_by;  ///< Figures::busy_s at that moment.
  };
  /// Jobs of a role that waited for a worker, looked at after each step.
  struct Queue {
    uint64_t looks = 0, waiting_sum = 0, waiting_max = 0, workers = 0;
    double waiting_mean() const {
      return static_cast<double>(waiting_sum) / static_cast<double>(std::max<uint64_t>(looks, 1));
    }
  };

  std::vector<Step> steps;
  std::map<std::string, double> busy_s;  ///< By role, over all its workers.
  std::map<std::string, Queue> queues;   ///< By role.
  std::vector<uint64_t> tokens_by_age;   ///< Those that got a gradient.
};

}  // namespace thespis::sim
