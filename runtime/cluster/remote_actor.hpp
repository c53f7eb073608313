#pragma once
// An actor of another node, as CAF sees it: a handle like any other.

#include <caf/actor_proxy.hpp>

#include <cstdint>
#include <memory>

namespace thespis::cluster {

class Session;

class RemoteActor final : public caf::actor_proxy {
 public:
  RemoteActor(caf::actor_config& config, std::shared_ptr<Session> session, uint64_t remote_id);
  ~RemoteActor() override;

  /// From any thread. A request that cannot be sent is answered with an error at once.
  void enqueue(caf::mailbox_element_ptr what, caf::execution_unit* context) override;
  /// The actor ended or its node is lost: monitors and links are told.
  void kill_proxy(caf::execution_unit* context, caf::error reason) override;
  const char* name() const override;

 private:
  const std::shared_ptr<Session> session_;
  const uint64_t remote_id_;
};

}  // namespace thespis::cluster
