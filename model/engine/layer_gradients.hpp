#pragma once
// Gradients of a step where each rank keeps only its range of the weights (ZeRO-3): all ranks walk
// the plan together. A segment's weights are brought together before it and given back after it;
// its gradients go to their owners when the last that adds to them is done.
//   LG-1  Round k is micro-batches k * lanes ... k * lanes + lanes - 1: summed in lane order, and
//         rounds added in order, whatever the ranks.

#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "model/engine/executor.hpp"
#include "model/engine/lane_exchange.hpp"
#include "model/engine/trainer.hpp"
#include "model/engine/weight_units.hpp"

namespace thespis::model {

class LayerGradients {
 public:
  /// All references outlive this.
  LayerGradients(std::shared_ptr<const Plan> plan, const WeightLayout& layout,
                 const TrainerLimits& limits, const Shards& shards, collective::Communicator& ranks,
                 gpu::ThreadPool& pool);

  /// The gradient of the rank's range; `own` are the weights of that. Valid until the next call.
  /// Throws on all ranks where a loss fails on one.
  float* compute(const float* own, std::span<const TrainItem> items, const LossGradient& loss,
                 const std::string& step);
  /// By item of the last step.
  const std::vector<uint32_t>& item_ranks() const { return item_ranks_; }

 private:
  /// The weights of the segment at hand, from all ranks.
  class Held final : public Parameters {
   public:
    const float* weight(uint64_t offset) const override { return map.at(offset); }
    const float* forward_panels(uint32_t matrix) const override {
      return forward.at(matrix).data();
    }
    const float* backward_panels(uint32_t matrix) const override {
      return backward.at(matrix).data();
    }
    std::map<uint32_t, FloatArena> units;
    ArenaMap map;
    std::map<uint32_t, FloatArena> forward, backward;  // By matrix.
  };
  /// A micro-batch under way.
  struct Lane {
    explicit Lane(const std::shared_ptr<const Plan>& plan)
        : executor(plan, Executor::Purpose::kTraining) {}
    Executor executor;
    WholeSequences sequences;
    std::vector<float> dlogprobs;
    std::map<uint32_t, FloatArena> gradients;  // By unit, as long as something adds to it.
    ArenaMap map;
  };
  struct Round {
    std::span<const TrainItem> items;
    std::span<const size_t> first;  // Items of its micro-batches, and the end.
    bool is_first;
    LaneBlock own;
    size_t lane_count() const { return first.size() - 1; }
  };
  void run(const Round& round, const LossGradient& loss);
  void hold(uint32_t segment, bool backward);
  void let_go();
  void pack(const OpRecord& op, bool transposed, std::map<uint32_t, FloatArena>& panels);
  void backward(const Round& round, uint32_t segment);
  void reduce(const Round& round, uint32_t unit);

  const std::shared_ptr<const Plan> plan_;
  const WeightUnits units_;
  const TrainerLimits& limits_;
  const Shards& shards_;
  collective::Communicator& ranks_;
  gpu::ThreadPool& pool_;
  LaneExchange exchange_;
  Held held_;
  std::vector<std::unique_ptr<Lane>> lanes_;  // This rank's.
  FloatArena total_;                          // Of this rank's range.
  std::vector<uint32_t> item_ranks_;
  // Of the step under way.
  const float* weights_ = nullptr;
  std::string step_;
};

}  // namespace thespis::model
