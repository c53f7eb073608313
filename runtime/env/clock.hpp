#pragma once
// Time as the actors see it. The simulator replaces it with a virtual clock; nothing else in the
// house reads a clock (a test over the source tree checks that).

#include <chrono>
#include <cstdint>

namespace thespis::env {

using Nanoseconds = std::chrono::nanoseconds;

class Clock {
 public:
  virtual ~Clock() = default;
  /// Time since an arbitrary origin; never goes backwards.
  virtual Nanoseconds now() const = 0;
  /// Seconds since the Unix epoch, for stamps that people read.
  virtual double wall_seconds() const = 0;
};

class RealClock final : public Clock {
 public:
  Nanoseconds now() const override;
  double wall_seconds() const override;
};

/// A recipe's seconds as CAF takes them.
inline std::chrono::milliseconds milliseconds(double seconds) {
  return std::chrono::milliseconds(static_cast<int64_t>(seconds * 1000));
}

/// Seconds as a double, for metrics.
inline double seconds(Nanoseconds d) {
  return std::chrono::duration<double>(d).count();
}

}  // namespace thespis::env
