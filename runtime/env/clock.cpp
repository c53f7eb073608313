#include "runtime/env/clock.hpp"

namespace thespis::env {

Nanoseconds RealClock::now() const {
  return std::chrono::duration_cast<Nanoseconds>(
      std::chrono::steady_clock::now().time_since_epoch());
}

double RealClock::wall_seconds() const {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace thespis::env
