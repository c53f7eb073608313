#include "runtime/cluster/remote_actor.hpp"

#include <caf/mailbox_element.hpp>
#include <caf/make_message.hpp>

#include "runtime/cluster/session.hpp"

namespace thespis::cluster {

RemoteActor::RemoteActor(caf::actor_config& config, std::shared_ptr<Session> session,
                         uint64_t remote_id)
    : caf::actor_proxy(config), session_(std::move(session)), remote_id_(remote_id) {}

RemoteActor::~RemoteActor() = default;

void RemoteActor::enqueue(caf::mailbox_element_ptr what, caf::execution_unit*) {
  if (getf(is_terminated_flag)) return bounce(what);
  const caf::error refused = session_->submit(remote_id_, *what);
  if (!refused || !what->mid.is_request() || !what->sender) return;
  // Not bounce(): that says "receiver down", whatever the reason.
  what->sender->enqueue(nullptr, what->mid.response_id(), caf::make_message(refused), nullptr);
}

void RemoteActor::kill_proxy(caf::execution_unit* context, caf::error reason) {
  cleanup(std::move(reason), context);
}

const char* RemoteActor::name() const {
  return "remote-actor";
}

}  // namespace thespis::cluster
