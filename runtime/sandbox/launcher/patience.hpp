#pragma once
// When a run is looked at again, and which of its limits it has passed by then.
//   PA-1  Time in which the job waited for a processor does not count as wall time, up to ten times
//         the limit; a run that is over even then because it starved is no verdict on the program.

#include "runtime/sandbox/launcher/meter.hpp"

namespace thespis::sandbox {

struct Look {
  enum class Found : uint8_t {
    kWithin,    ///< Look again after `wait_s`.
    kOverCpu,   ///< More processor time than allowed.
    kOverWall,  ///< More wall time than allowed, and it was not kept from running.
    kStarved    ///< The machine had no time for it.
  };
  Found found = Found::kWithin;
  double wait_s = 0;
};

/// A run that began `elapsed_s` ago. Asks the meter only where a limit can have been passed: most
/// jobs end before. `init`: the job's first process.
Look look_at(const Limits& limits, uint32_t processors, double elapsed_s, Meter& meter, long init);

}  // namespace thespis::sandbox
