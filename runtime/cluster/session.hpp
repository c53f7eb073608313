#pragma once
// Actors over one connection: proxies for the peer's actors, which of ours the peer may reach, who
// waits for which answer. Knows frames, not sockets. All of it on the network thread, except
// submit().
//   SE-1  An actor of ours is reachable for the peer only after export_actor(); it stays so until
//        it ends.
//   SE-2  Every request is answered exactly once: by the peer, or with an error when the session
//        closes.
//   SE-3  After close() there are no proxies, exports or requests, and submit() refuses.

#include <caf/actor_system.hpp>
#include <caf/error.hpp>
#include <caf/mailbox_element.hpp>
#include <caf/node_id.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>

#include "runtime/cluster/network_unit.hpp"
#include "runtime/cluster/outbox.hpp"
#include "runtime/transport/frame_channel.hpp"
#include "runtime/wire/registry.hpp"

namespace thespis::cluster {

class Session : public std::enable_shared_from_this<Session> {
 public:
  struct Limits {
    uint64_t queue_bytes;
    uint64_t frame_bytes_max;
    uint32_t pending_requests_max;
  };
  /// What all sessions of a node share; all of it outlives their close(), the registry also them.
  struct Shared {
    caf::actor_system& system;
    const wire::Registry& registry;
    std::shared_ptr<Outbox> outbox;
    NetworkUnit& unit;
    Limits limits;
  };
  /// Whoever progresses the channel.
  class Owner {
   public:
    virtual ~Owner() = default;
    /// A frame was given to the channel, or a task of the session's waits in the outbox.
    virtual void activate() = 0;
  };
  /// `channel` is connected before the first submit(); it and the owner may go after close().
  /// `peer` is for errors.
  Session(const Shared& shared, transport::FrameChannel& channel, Owner& owner, std::string peer);

  /// From any thread: takes over a message for the peer's actor, or says why not.
  caf::error submit(uint64_t remote_id, caf::mailbox_element& what);

  void send(Outgoing outgoing);
  /// Throws Error for what no node of ours sends, kj::Exception for a malformed error.
  void receive(transport::ReceivedFrame received);
  /// Our number for an actor that the peer may reach from now on.
  uint64_t export_actor(const caf::strong_actor_ptr& actor);
  caf::strong_actor_ptr proxy(uint64_t remote_id);
  void close(const std::string& why);
  /// Frames were sent: their bytes no longer count.
  void sent(uint64_t bytes) { queued_bytes_.fetch_sub(bytes); }
  /// Not empty: a message that may not be refused did not fit (set by submit()).
  std::string overflow() const;

  uint64_t queued_bytes() const { return queued_bytes_.load(); }
  uint64_t pending_requests() const { return pending_.size(); }
  uint64_t bytes_sent() const { return bytes_sent_; }
  uint64_t bytes_received() const { return bytes_received_; }

 private:
  struct Pending {
    caf::strong_actor_ptr sender;
    caf::message_id message;
  };
  enum class Admission { kAdmitted, kFull, kTooLarge };
  caf::error encode(caf::mailbox_element& what, Outgoing& out) const;
  Admission admit(uint64_t cost_bytes, bool refusable);
  void deliver(const caf::strong_actor_ptr& to, caf::strong_actor_ptr from, caf::message_id id,
               caf::message content);
  void receive_response(transport::ReceivedFrame received, caf::message_id id);
  void receive_for_export(transport::ReceivedFrame received, caf::message_id id);
  void actor_ended(uint64_t export_id);

  const Shared shared_;
  transport::FrameChannel* channel_;  // Null after close().
  Owner* owner_;                      // Null after close().
  const std::string peer_;
  const caf::node_id node_id_;
  std::atomic<uint64_t> queued_bytes_{0};
  std::atomic<uint64_t> pending_count_{0};
  std::atomic<bool> closed_{false};
  std::atomic<bool> overflowed_{false};
  uint64_t next_call_ = 1;
  uint64_t next_export_ = 1;
  uint64_t bytes_sent_ = 0;
  uint64_t bytes_received_ = 0;
  std::unordered_map<uint64_t, Pending> pending_;
  std::unordered_map<uint64_t, caf::strong_actor_ptr> exports_;
  std::unordered_map<caf::actor_control_block*, uint64_t> export_ids_;
  std::unordered_map<uint64_t, caf::strong_actor_ptr> proxies_;
};

}  // namespace thespis::cluster
