#pragma once
// Settings of CAF's scheduler. CAF's default, work stealing, polls: an idle worker looks into the
// queues every 50 us, so a hop costs about 115 us, and made fast it eats 10 to 20 % of a core while
// nothing happens.
// Work sharing, one queue with a condition variable, has the latency of the fast setting and idles
// at 0 %.

#include <caf/actor_system_config.hpp>

namespace thespis::cluster {

class ActorConfig : public caf::actor_system_config {
 public:
  enum class Scheduling {
    kThreads,        ///< Work sharing over all cores.
    kDeterministic,  ///< CAF's test coordinator: one thread, virtual time, run by hand.
  };
  /// `threads` 0: one for each core.
  explicit ActorConfig(Scheduling scheduling = Scheduling::kThreads, unsigned threads = 0);
};

}  // namespace thespis::cluster
