#pragma once
// Gradients of a step where every rank has all weights (ZeRO-1): a rank computes whole
// micro-batches into its lanes; then each range of the arena goes to its owner.

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "model/engine/executor_set.hpp"
#include "model/engine/lane_exchange.hpp"
#include "model/engine/trainer.hpp"

namespace thespis::model {

class LaneGradients {
 public:
  /// All references outlive this.
  LaneGradients(const std::shared_ptr<const Plan>& plan, const TrainerLimits& limits,
                const Shards& shards, collective::Communicator& ranks, gpu::ThreadPool& pool)
      : limits_(limits),
        ranks_(ranks),
        pool_(pool),
        executors_(plan, Executor::Purpose::kTraining),
        exchange_(shards, ranks) {}

  /// The rank's range of each lane of the step, from its first element on; valid until the next
  /// call. Throws on all ranks where a part of it fails on one.
  std::vector<float*> compute(const Policy& policy, std::span<const TrainItem> items,
                              const LossGradient& loss, const std::string& step);
  /// By item of the last step.
  const std::vector<uint32_t>& item_ranks() const { return item_ranks_; }

 private:
  void run_lane(const Policy& policy, std::span<const TrainItem> items,
                std::span<const size_t> first, size_t lane, const LossGradient& loss,
                float* gradient);

  const TrainerLimits& limits_;
  collective::Communicator& ranks_;
  gpu::ThreadPool& pool_;
  ExecutorSet executors_;
  LaneExchange exchange_;
  std::vector<uint32_t> item_ranks_;
  std::vector<FloatArena> own_;  // Of this rank's lanes; made when first used.
};

}  // namespace thespis::model
