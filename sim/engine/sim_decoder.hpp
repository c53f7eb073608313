#pragma once
// Continuous batching without a model: each sequence has a length drawn for it, and a step costs
// what its batch costs. A step is a few operations, however many sequences are in it.

#include <map>
#include <queue>
#include <utility>
#include <vector>

#include "actors/base/engine.hpp"
#include "sim/cluster/world.hpp"

namespace thespis::sim {

class SimDecoder final : public Decoder {
 public:
  SimDecoder(World& world, uint32_t node, std::shared_ptr<const model::Policy> policy,
             model::GeneratorLimits limits);
  void install(std::shared_ptr<const model::Policy> policy) override;
  bool has_free_slot() const override { return active_.size() < limits_.slots; }
  uint32_t active_count() const override { return static_cast<uint32_t>(active_.size()); }
  void add(model::SequenceRequest request) override;
  bool cancel(uint64_t id) override;
  std::vector<model::FinishedSequence> step() override;
  std::vector<int32_t> tokens_of(uint64_t id) const override;

 private:
  struct Sequence {
    model::SequenceRequest request;
    uint64_t begins = 0;  ///< The step that draws its first token.
    uint32_t length = 0;
    bool stops = false;  ///< By itself, not at the limit.
    bool cancelled = false;
  };
  struct Installed {
    uint64_t from;  ///< The first step under it.
    uint64_t version, checksum;
  };
  uint64_t written(const Sequence& sequence) const {
    return std::min<uint64_t>(step_ - sequence.begins, sequence.length);
  }
  uint32_t length_of(const model::SequenceRequest& request, bool& stops) const;
  model::FinishedSequence finish(const Sequence& sequence, uint64_t tokens) const;

  World& world_;
  const uint32_t node_;
  const model::GeneratorLimits limits_;
  std::vector<Installed> installed_;  // Those that sequences in flight were drawn under.
  std::map<uint64_t, Sequence> active_;
  std::multimap<uint64_t, uint64_t> due_;  // Step after which a sequence ends -> its id.
  std::vector<uint64_t> cancelled_;
  uint64_t step_ = 0;
  uint64_t prefill_tokens_ = 0;
};

}  // namespace thespis::sim
