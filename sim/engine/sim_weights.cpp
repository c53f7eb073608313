#include "sim/engine/sim_weights.hpp"

#include <xxhash.h>

#include <cstring>
#include <memory>

#include "sim/cluster/process.hpp"
#include "sim/network/network.hpp"

namespace thespis::sim {

SimWeightSink::SimWeightSink(World& world, uint64_t run_id) : world_(world), run_id_(run_id) {
  world_.publisher() = this;
}

SimWeightSink::~SimWeightSink() {
  if (world_.publisher() == this) world_.publisher() = nullptr;
}

wire::Message<wire::WeightManifest> SimWeightSink::publish(uint64_t policy_version,
                                                           std::span<const float> arena,
                                                           bool reference) {
  auto& held = reference ? references_ : policies_;
  held[policy_version].assign(arena.begin(), arena.end());
  while (held.size() > kVersionsKept) held.erase(held.begin());
  world_.charge(world_.scenario().workload.weights_mb * 8e6 /
                (world_.scenario().link.weights_gbps * 1e9));
  return wire::Message<wire::WeightManifest>::build([&](wire::WeightManifest::Builder m) {
    m.setPolicyVersion(policy_version);
    m.setRunId(run_id_);
    m.setSizeBytes(arena.size_bytes());
    m.setChecksum(XXH3_64bits(arena.data(), arena.size_bytes()));
    m.setReference(reference);
  });
}

const std::vector<float>* SimWeightSink::find(uint64_t version, bool reference) const {
  const auto& held = reference ? references_ : policies_;
  const auto it = held.find(version);
  return it == held.end() ? nullptr : &it->second;
}

SimWeightSource::SimWeightSource(World& world, uint32_t node, uint64_t run_id)
    : world_(world),
      node_(node),
      run_id_(run_id),
      random_(world.random(Stream::kLinks,
                           uint64_t{1} << 40 | uint64_t{node} << 20 | world.node(node).lives)) {}

cluster::FetchedWeights SimWeightSource::fetch(
    const wire::Message<wire::WeightManifest>& manifest) {
  using cluster::FetchStatus;
  const auto view = manifest.read();
  const Link& link = world_.scenario().link;
  if (view->getRunId() != run_id_)
    return {FetchStatus::kSuperseded, "weights of another run", {}, {}};
  world_.charge(2 * link.latency_ms / 1e3);
  const SimWeightSink* sink = world_.publisher();
  const auto& head = world_.node(0);
  if (sink == nullptr || !head.process || !world_.network().can_reach_head(node_)) {
    world_.charge(1);
    return {FetchStatus::kUnreachable, "the publisher is silent", {}, {}};
  }
  const auto* held = sink->find(view->getPolicyVersion(), view->getReference());
  if (held == nullptr) return {FetchStatus::kSuperseded, "no longer held", {}, {}};
  world_.charge(world_.scenario().workload.weights_mb * 8e6 / (link.weights_gbps * 1e9));
  auto copy = std::make_shared<std::vector<float>>(*held);
  if (world_.is_under(node_, FaultKind::kWrongWeights)) {
    auto* bits = reinterpret_cast<uint8_t*>(copy->data());
    bits[random_.below(static_cast<uint32_t>(copy->size() * sizeof(float)))] ^= 4;
  }
  const std::span<const uint8_t> bytes(reinterpret_cast<const uint8_t*>(copy->data()),
                                       copy->size() * sizeof(float));
  return cluster::verified(bytes, copy, view->getPolicyVersion(), view->getChecksum());
}

}  // namespace thespis::sim
