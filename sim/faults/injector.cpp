#include "sim/faults/injector.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "sim/cluster/worker_process.hpp"
#include "sim/network/network.hpp"

namespace thespis::sim {
namespace {

/// Of an exponential distribution.
double drawn(env::KeyedRandom& random, double mean) {
  return -std::log(1 - random.uniform()) * mean;
}

}  // namespace

Injector::Injector(World& world) : world_(world) {
  uint64_t number = 0;
  for (const Fault& fault : world.scenario().faults)
    sources_.push_back({fault, matching(fault.node), matching(fault.peer),
                        world.random(Stream::kFaults, 1000 + number++)});
}

std::vector<uint32_t> Injector::matching(const std::string& name) const {
  std::vector<uint32_t> nodes;
  for (uint32_t i = 0; i < world_.node_count(); ++i) {
    const NodeState& node = world_.node(i);
    const bool in_group = node.group != nullptr && (name == "any" || node.group->name == name);
    if (node.name == name || in_group) nodes.push_back(i);
  }
  return nodes;
}

void Injector::start() {
  for (size_t i = 0; i < sources_.size(); ++i) {
    Source& source = sources_[i];
    const double first =
        source.fault.at_s > 0 ? source.fault.at_s : drawn(source.random, source.fault.every_s);
    schedule(i, duration(first));
  }
}

void Injector::schedule(size_t index, Nanoseconds after) {
  const Nanoseconds end = duration(world_.scenario().check.faults_until_s);
  if (world_.now() + after >= end) return;
  world_.queue().after(after, [this, index] {
    Source& source = sources_[index];
    strike(source);
    if (source.fault.every_s > 0)
      schedule(index, duration(drawn(source.random, source.fault.every_s)));
  });
}

void Injector::strike(Source& source) {
  if (world_.finished() || source.nodes.empty()) return;
  const auto one_of = [&source](const std::vector<uint32_t>& nodes) {
    return nodes[source.random.below(static_cast<uint32_t>(nodes.size()))];
  };
  const uint32_t node = one_of(source.nodes);
  const uint32_t peer = source.peers.empty() ? 0 : one_of(source.peers);
  const Nanoseconds end = duration(world_.scenario().check.faults_until_s);
  const Nanoseconds until =
      std::min(end, world_.now() + duration(drawn(source.random, source.fault.duration_s)));
  const std::string name(name_of(source.fault.kind));
  ++world_.fault_counts()[name];
  world_.note(node, Happened::kFault, static_cast<uint64_t>(source.fault.kind), peer, name);
  strike_node(source.fault, node, peer, until, source.random);
}

void Injector::strike_node(const Fault& fault, uint32_t node, uint32_t peer, Nanoseconds until,
                           env::KeyedRandom& random) {
  Network& network = world_.network();
  switch (fault.kind) {
    case FaultKind::kCrash:
      return world_.kill(node, /*loses_power=*/false);
    case FaultKind::kHostCrash:
      return world_.kill(node, /*loses_power=*/true);
    case FaultKind::kPause:
      world_.cast(node, fault.kind, until, 1);
      return network.watch_silence(node);
    case FaultKind::kPartition:
      network.block(node, peer, until);
      return network.block(peer, node, until);
    case FaultKind::kPartitionOut:
      return network.block(node, peer, until);
    case FaultKind::kPartitionIn:
      return network.block(peer, node, until);
    case FaultKind::kFlap:
      return flap(node, peer, until);
    case FaultKind::kDisconnect:
      return network.disconnect(node);
    case FaultKind::kClockJump:
      world_.node(node).wall_offset_s += fault.factor * (2 * random.uniform() - 1);
      return;
    case FaultKind::kBitFlip:
      return damage_checkpoint(/*truncate=*/false, random);
    case FaultKind::kTruncate:
      return damage_checkpoint(/*truncate=*/true, random);
    case FaultKind::kPoison:
      return world_.cast(0, fault.kind, until, fault.factor);
    case FaultKind::kLeave:
      if (node == 0 || !world_.node(node).process) return;
      return world_.enter(node, world_.node(node).lives, [this, node] {
        static_cast<WorkerProcess&>(*world_.node(node).process).leave();
      });
    default:
      return world_.cast(node, fault.kind, until, fault.factor);
  }
}

void Injector::flap(uint32_t node, uint32_t peer, Nanoseconds until) {
  if (world_.now() >= until) return;
  const Nanoseconds half = std::chrono::milliseconds(700);
  world_.network().block(node, peer, world_.now() + half);
  world_.network().block(peer, node, world_.now() + half);
  world_.queue().after(2 * half, [this, node, peer, until] { flap(node, peer, until); });
}

void Injector::damage_checkpoint(bool truncate, env::KeyedRandom& random) {
  auto& disk = world_.disk();
  const std::string directory = "run/checkpoints";
  if (!disk.exists(directory)) return;
  std::vector<std::string> files;
  for (const auto& checkpoint : disk.list(directory)) {
    if (!checkpoint.is_directory) continue;
    const std::string path = directory + "/" + checkpoint.name;
    for (const auto& file : disk.list(path))
      if (!file.is_directory) files.push_back(path + "/" + file.name);
  }
  if (files.empty()) return;
  const std::string path = files[random.below(static_cast<uint32_t>(files.size()))];
  auto bytes = disk.bytes_of(path);
  if (bytes.empty()) return;
  const uint32_t at = random.below(static_cast<uint32_t>(bytes.size()));
  if (truncate)
    bytes.resize(at);
  else
    bytes[at] ^= std::byte{static_cast<unsigned char>(1u << random.below(8))};
  disk.damage(path, std::move(bytes));
}

}  // namespace thespis::sim
