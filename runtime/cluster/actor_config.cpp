#include "runtime/cluster/actor_config.hpp"

#include <caf/atom.hpp>

namespace thespis::cluster {

ActorConfig::ActorConfig(Scheduling scheduling, unsigned threads) {
  if (scheduling == Scheduling::kDeterministic) {
    set("scheduler.policy", caf::atom("testing"));
    return;
  }
  if (threads > 0) set("scheduler.max-threads", static_cast<size_t>(threads));
  set("scheduler.policy", caf::atom("sharing"));
}

}  // namespace thespis::cluster
