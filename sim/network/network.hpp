#pragma once
// The network between simulated processes: connections as the real cluster keeps them (its own
// Session and proxies at both ends), frames that take time, get lost below the transport and are
// sent again, come twice or out of order, and peers that are given up after silence.
//   NW-1  Frames of one direction reach the session in order and once (transport::FrameOrder), or
//        the connection ends.
//   NW-2  A process that gives its peer up tells it so, as soon as anything reaches it.

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "runtime/env/random.hpp"
#include "runtime/transport/frame_channel.hpp"
#include "runtime/wire/registry.hpp"
#include "sim/cluster/world.hpp"

namespace caf {
class actor;
}

namespace thespis::sim {

class Connection;

class Network {
 public:
  explicit Network(World& world);
  ~Network();

  const wire::Registry& registry() const { return registry_; }
  /// Connects a node with the head. False: it cannot be reached, or takes nobody.
  bool can_reach_head(uint32_t node) const;
  /// Returns the head's front as the node sees it.
  caf::actor connect(uint32_t node);
  void process_ended(uint32_t node, bool silently);
  /// The connections of a node break, with what is under way.
  void disconnect(uint32_t node);
  /// Nothing gets from the one to the other up to then.
  void block(uint32_t from, uint32_t to, Nanoseconds until);
  Nanoseconds blocked_until(uint32_t from, uint32_t to) const;
  /// Peers of a node that cannot be heard: they give it up if that lasts.
  void watch_silence(uint32_t node);

  uint64_t bytes_under_way() const { return bytes_under_way_; }
  uint64_t bytes_max() const { return bytes_max_; }
  uint64_t frames() const { return frames_; }

 private:
  friend class Connection;
  World& world_;
  const wire::Registry registry_;
  std::map<std::pair<uint32_t, uint32_t>, Spell> blocks_;
  std::vector<std::shared_ptr<Connection>> connections_;
  uint64_t next_connection_ = 0;
  uint64_t bytes_under_way_ = 0, bytes_max_ = 0, frames_ = 0;
};

}  // namespace thespis::sim
