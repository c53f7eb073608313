#pragma once
// Cores that several computations share: while n of them run, each goes on at 1/n of its speed.
//   SC-1  A computation of s seconds that runs alone takes s; none is lost or told twice.

#include <cstdint>
#include <functional>
#include <vector>

#include "sim/kernel/event_queue.hpp"

namespace thespis::sim {

class SharedCores {
 public:
  explicit SharedCores(EventQueue& queue) : queue_(queue) {}
  SharedCores(const SharedCores&) = delete;
  SharedCores& operator=(const SharedCores&) = delete;

  /// `done` is called when `seconds` of computing have been had.
  void run(double seconds, std::function<void()> done);
  /// Drops all that runs: its process has ended.
  void clear();

 private:
  struct Job {
    double left_s;
    std::function<void()> done;
  };
  void settle();
  void arm();

  EventQueue& queue_;
  std::vector<Job> jobs_;  // In the order in which they began.
  Nanoseconds since_{0};   // Up to then `left_s` is settled.
  uint64_t round_ = 0;     // Of the last event: earlier ones no longer count.
};

}  // namespace thespis::sim
