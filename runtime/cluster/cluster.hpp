#pragma once
// Cluster: this process as a node. Remote actors are ordinary CAF handles; their messages are
// wire::Message<T>.
//   C-1  Nothing of a peer is parsed beyond a bounded handshake until both sides proved that they
//   know the
//        shared secret.
//   C-2  Messages between two nodes arrive in the order sent, once, or the peer is lost; then every
//   proxy
//        of its actors ends (down_msg, exit_msg) and every pending request fails.
//   C-3  A peer may only talk to the front and to actors that have written to it.
//   C-4  Every queue is bounded: a request over the limit comes back as
//   sec::unavailable_or_would_block.
// A silent peer is suspected first (an event) and given up later, so that an interruption of some
// seconds costs nothing: no actor is told that it is gone, TCP and the queues keep what was sent.

#include <caf/actor.hpp>
#include <caf/fwd.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "runtime/wire/registry.hpp"

namespace thespis::cluster {

/// Which way messages go. kAuto: shared memory where both processes are on one host, else tcp.
enum class Path { kAuto, kTcp, kSharedMemory };

struct ClusterOptions {
  std::string listen = "127.0.0.1:0";  ///< HOST:PORT; port 0 takes a free one.
  std::string secret;                  ///< Shared by all nodes; at least kSecretBytesMin bytes.
  std::string name = "node";           ///< How peers call this node in events and errors.
  Path path = Path::kAuto;

  std::chrono::milliseconds heartbeat_interval{500};
  std::chrono::milliseconds suspect_after{2500};  ///< Silence until a peer is suspected (an event).
  std::chrono::milliseconds lost_after{6000};     ///< Silence until it is given up.
  std::chrono::milliseconds stall_after{30000};   ///< Heartbeats come, messages stay unreceived.
  std::chrono::milliseconds handshake_deadline{5000};
  /// Busy polling for the next message while they follow each other within this time and it helps.
  std::chrono::microseconds spin{400};

  uint64_t queue_bytes = uint64_t{256} << 20;    ///< Unsent bytes to one peer.
  uint64_t frame_bytes_max = uint64_t{1} << 30;  ///< The largest message.
  uint32_t pending_requests_max = 65536;         ///< Unanswered requests to one peer.
  uint32_t peers_max = 1024;                     ///< Connections, with those in handshake.
  static constexpr uint64_t kSecretBytesMin = 8;
};

class Node;

class Cluster {
 public:
  /// Binds and starts the network thread. Throws InputError for options that cannot be used, Error
  /// where the address cannot be bound. `registry` must outlive the cluster.
  Cluster(caf::actor_system& system, const wire::Registry& registry, ClusterOptions options);
  /// Tells the peers that this node leaves in order, and ends all proxies. Destroy it before the
  /// system.
  ~Cluster();
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  /// The bound "host:port".
  std::string address() const;
  /// The actor a joining peer may talk to. Until it is set, joining is refused.
  void set_front(caf::actor front);
  /// Gets a wire::Message<wire::PeerEvent> whenever a peer joins, is suspected, recovers, leaves or
  /// is lost.
  void set_observer(caf::actor observer);
  /// Runs this actor on the network thread when a remote message wakes it: two thread switches
  /// less. Only for actors whose handlers take microseconds and never block.
  void run_on_network_thread(const caf::actor& actor);

  /// Connects to HOST:PORT, authenticates, and returns the peer's front. Blocks up to the handshake
  /// deadline. Throws InputError for a malformed address, Error with one line that says why it
  /// failed.
  caf::actor join(const std::string& address);

  struct Status {
    uint32_t peers = 0;            ///< Joined now.
    uint32_t peers_suspected = 0;  ///< Of these, silent.
    uint64_t queued_bytes = 0;     ///< Unsent, all peers.
    uint64_t pending_requests = 0;
    uint64_t messages_sent = 0, messages_received = 0;  ///< To and from the peers joined now.
    uint64_t bytes_sent = 0, bytes_received = 0;
    uint64_t refused_connections = 0;  ///< Handshakes that failed, since the start.
  };
  Status status() const;

 private:
  std::unique_ptr<Node> node_;
};

}  // namespace thespis::cluster
