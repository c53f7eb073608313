#pragma once
// Settings of CAF's scheduler. The defaults make an idle worker sleep 50 us between looks into its
// queue, so each hop costs about 115 us and an idle node keeps waking; measurements in
// docs/architecture.md.

#include <caf/actor_system_config.hpp>

namespace thespis::cluster {

class ActorConfig : public caf::actor_system_config {
 public:
  enum class Scheduling {
    kThreads,        ///< Work stealing over all cores.
    kDeterministic,  ///< CAF's test coordinator: one thread, virtual time, run by hand.
  };
  /// `threads` 0: one for each core.
  explicit ActorConfig(Scheduling scheduling = Scheduling::kThreads, unsigned threads = 0);
};

}  // namespace thespis::cluster
