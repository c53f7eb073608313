#include "sim/network/network.hpp"

#include <caf/actor.hpp>
#include <caf/actor_cast.hpp>

#include "sim/cluster/process.hpp"
#include "sim/network/connection.hpp"

namespace thespis::sim {

Network::Network(World& world) : world_(world), registry_(wire::Registry::all()) {}
Network::~Network() = default;

bool Network::can_reach_head(uint32_t node) const {
  const auto& head = world_.node(0);
  return head.process && head.process->front() && !world_.is_under(0, FaultKind::kPause) &&
         blocked_until(node, 0) <= world_.now() && blocked_until(0, node) <= world_.now();
}

caf::actor Network::connect(uint32_t node) {
  auto connection = std::make_shared<Connection>(*this, next_connection_, 0, node);
  ++next_connection_;
  connections_.push_back(connection);
  const auto front = caf::actor_cast<caf::strong_actor_ptr>(world_.node(0).process->front());
  const uint64_t id = connection->end_of(0).session().export_actor(front);
  world_.note(node, Happened::kJoined);
  return caf::actor_cast<caf::actor>(connection->end_of(node).session().proxy(id));
}

void Network::process_ended(uint32_t node, bool silently) {
  for (const auto& connection : connections_)
    if (connection->is_of(node)) connection->process_ended(node, silently);
  std::erase_if(connections_, [](const auto& c) { return c->closed(); });
}

void Network::disconnect(uint32_t node) {
  // A copy: whoever loses its peer may end, and its connections with it.
  for (const auto& connection : std::vector(connections_))
    if (connection->is_of(node)) connection->break_off();
}

void Network::block(uint32_t from, uint32_t to, Nanoseconds until) {
  blocks_[{from, to}].cast(world_.now(), until, 1);
  const Nanoseconds since = blocks_[{from, to}].since;
  for (const auto& connection : connections_)
    if (connection->is_of(from) && connection->is_of(to)) connection->expect_word(to, since);
}

Nanoseconds Network::blocked_until(uint32_t from, uint32_t to) const {
  const auto found = blocks_.find({from, to});
  return found == blocks_.end() ? Nanoseconds{0} : found->second.until;
}

void Network::watch_silence(uint32_t node) {
  const Nanoseconds since = world_.node(node).spells[static_cast<size_t>(FaultKind::kPause)].since;
  for (const auto& connection : connections_)
    if (connection->is_of(node)) connection->expect_word(connection->other(node).node(), since);
}

}  // namespace thespis::sim
