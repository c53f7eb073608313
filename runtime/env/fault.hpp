#pragma once
// Faults declared where they hurt: `if (THESPIS_FAULT(journal_append_fails)) throw ...`. Silent
// outside the simulator, which decides whether one strikes and counts which were reached.

namespace thespis::env {

class FaultPoints {
 public:
  virtual ~FaultPoints() = default;
  /// Asked each time that the place is passed.
  virtual bool strikes(const char* name) = 0;
};

/// Of this thread; null outside the simulator.
inline thread_local FaultPoints* fault_points = nullptr;

}  // namespace thespis::env

#define THESPIS_FAULT(name) \
  (::thespis::env::fault_points != nullptr && ::thespis::env::fault_points->strikes(#name))
