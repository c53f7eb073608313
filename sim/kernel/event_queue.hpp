#pragma once
// Virtual time: what happens when. Nothing waits; time is where the next event is.
//   EQ-1  Events run in order of time; those of one moment in the order in which they were added.
//   EQ-2  The queue is bounded: an event over the limit is a bug of the simulation and throws.

#include <cstdint>
#include <functional>
#include <queue>
#include <vector>

#include "runtime/env/clock.hpp"

namespace thespis::sim {

using env::Nanoseconds;

class EventQueue {
 public:
  using Action = std::function<void()>;

  Nanoseconds now() const { return now_; }
  /// A moment that has passed counts as now.
  void at(Nanoseconds when, Action action);
  void after(Nanoseconds delay, Action action) { at(now_ + delay, std::move(action)); }
  /// Runs the next event. False: there is none.
  bool step();
  size_t size() const { return events_.size(); }
  uint64_t count() const { return count_; }      ///< Events that ran.
  size_t size_max() const { return size_max_; }  ///< The most that ever waited.

 private:
  static constexpr size_t kEventsMax = 20'000'000;
  struct Event {
    Nanoseconds when;
    uint64_t number;
    Action action;
  };
  struct Later {
    bool operator()(const Event& a, const Event& b) const {
      return a.when != b.when ? a.when > b.when : a.number > b.number;
    }
  };
  Nanoseconds now_{0};
  uint64_t next_number_ = 0, count_ = 0;
  size_t size_max_ = 0;
  std::vector<Event> events_;  // A heap.
};

/// Seconds of the scenario as virtual time.
inline Nanoseconds duration(double seconds) {
  constexpr double kLongest = 9e9;  // Above it nanoseconds do not fit: practically never.
  return Nanoseconds(static_cast<int64_t>((seconds < kLongest ? seconds : kLongest) * 1e9));
}

}  // namespace thespis::sim
