#pragma once
// The weight channel in virtual time: versions that the head holds, fetched over the simulated
// network, verified by the rule of the real one (cluster::verified).

#include <map>
#include <vector>

#include "runtime/cluster/weight_channel.hpp"
#include "sim/cluster/world.hpp"

namespace thespis::sim {

/// On the head. Holds what it published while its process lives.
class SimWeightSink final : public cluster::WeightSink {
 public:
  SimWeightSink(World& world, uint64_t run_id);
  ~SimWeightSink() override;
  wire::Message<wire::WeightManifest> publish(uint64_t policy_version, std::span<const float> arena,
                                              bool reference) override;
  /// Null where it is no longer held.
  const std::vector<float>* find(uint64_t version, bool reference) const;

 private:
  static constexpr size_t kVersionsKept = 3;
  World& world_;
  const uint64_t run_id_;
  std::map<uint64_t, std::vector<float>> policies_, references_;
};

/// On a worker's node.
class SimWeightSource final : public cluster::WeightSource {
 public:
  SimWeightSource(World& world, uint32_t node, uint64_t run_id);
  cluster::FetchedWeights fetch(const wire::Message<wire::WeightManifest>& manifest) override;

 private:
  World& world_;
  const uint32_t node_;
  const uint64_t run_id_;
  env::KeyedRandom random_;
};

}  // namespace thespis::sim
