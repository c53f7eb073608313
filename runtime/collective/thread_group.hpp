#pragma once
// Ranks that are threads of one process: each copies straight from the others' memory.

#include <chrono>
#include <memory>

#include "runtime/collective/communicator.hpp"
#include "runtime/env/clock.hpp"

namespace thespis::collective {

struct ThreadGroupOptions {
  std::chrono::nanoseconds deadline = std::chrono::seconds(60);  ///< Of the first that waits.
  /// None: the real one. Outlives the group.
  const env::Clock* clock = nullptr;
};

class ThreadGroup {
 public:
  ThreadGroup(uint32_t ranks, ThreadGroupOptions options);

  /// What rank `r` calls, from one thread at a time. It may outlive this object.
  std::shared_ptr<Communicator> rank(uint32_t r) const;
  /// Whoever waits looks at the clock again: for a clock that was moved by hand.
  void look_at_clock();
  /// Ranks that wait for others at the moment.
  uint32_t waiting() const;

 private:
  class Shared;
  class Member;
  std::shared_ptr<Shared> shared_;
};

}  // namespace thespis::collective
