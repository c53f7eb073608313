#pragma once
// Runs one seed of a scenario to its end and says what came of it.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sim/check/checker.hpp"
#include "sim/kernel/figures.hpp"
#include "sim/scenario/scenario.hpp"

namespace thespis::sim {

struct Outcome {
  uint64_t seed = 0;
  std::optional<Violation> violation;  ///< The first promise that was broken; none: all held.
  uint64_t events = 0;                 ///< Those of the queue, and messages that actors handled.
  uint64_t event_hash = 0;
  double virtual_s = 0;
  uint64_t steps = 0, consumed = 0, dropped = 0, resumes = 0;
  uint64_t actors_max = 0;  ///< That lived at a time.
  uint64_t frames = 0, network_bytes_max = 0, queue_events_max = 0;
  std::map<std::string, uint64_t> faults;
  /// Fault points of production code: how often each was passed, and how often it struck.
  std::map<std::string, std::pair<uint64_t, uint64_t>> points;
  std::vector<std::string> last;  ///< Of the events, for people; only with a violation.
  Figures figures;
  std::string timeline;  ///< Only where asked for.
};

Outcome simulate(const Scenario& scenario, uint64_t seed, bool with_timeline = false);

}  // namespace thespis::sim
