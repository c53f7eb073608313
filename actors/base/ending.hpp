#pragma once
// How whoever made actors ends them.

#include <caf/all.hpp>
#include <vector>

namespace thespis {

/// Returns when all have ended: what they work with may go then, and not before.
inline void end_all(caf::scoped_actor& self, const std::vector<caf::actor>& actors) {
  for (const caf::actor& actor : actors)
    caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
  self->wait_for(actors);
}

}  // namespace thespis
