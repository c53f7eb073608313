#pragma once
// Who worked for how much of the time, and who was waited for most: the bottleneck by name. Driven
// by the times that the caller reads from env::Clock; nothing here reads a clock.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "runtime/env/clock.hpp"

namespace thespis::telemetry {

/// The part of a period in which at least one of any number of activities was going on.
class Share {
 public:
  explicit Share(env::Nanoseconds now) : since_(now), changed_(now) {}

  void begin(env::Nanoseconds now);
  /// Ends one activity that began; a bug where none is going on.
  void end(env::Nanoseconds now);

  env::Nanoseconds busy(env::Nanoseconds now) const;
  /// busy / time since the period began, 0 to 1; 0 where no time has passed.
  double share(env::Nanoseconds now) const;
  /// Begins a new period; activities that are going on go on.
  void restart(env::Nanoseconds now);

 private:
  env::Nanoseconds since_, changed_;
  env::Nanoseconds busy_{0};
  uint64_t active_ = 0;
};

/// How long was waited for whom. A wait belongs to one name at a time.
class WaitTally {
 public:
  /// From now on `whom` is waited for; ends a wait for another.
  void wait_for(std::string_view whom, env::Nanoseconds now);
  void done(env::Nanoseconds now);

  env::Nanoseconds waited(std::string_view whom, env::Nanoseconds now) const;
  /// The name waited for longest, "" where no time was spent waiting. Ties go to the first by name.
  std::string most(env::Nanoseconds now) const;
  /// Forgets the sums; a wait that is going on goes on from `now`.
  void restart(env::Nanoseconds now);

 private:
  std::map<std::string, env::Nanoseconds, std::less<>> sums_;
  std::string current_;  // Empty: nobody.
  env::Nanoseconds since_{0};
};

}  // namespace thespis::telemetry
