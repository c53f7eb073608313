#pragma once
// Gradients of a step where every rank has all weights (ZeRO-1): a rank computes whole
// micro-batches into its lanes; then each range of the arena goes to its owner, lane by lane.

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "model/engine/executor_set.hpp"
#include "model/engine/shards.hpp"
#include "model/engine/trainer.hpp"

namespace thespis::model {

/// Lanes [first, last) of a step's `lane_count` are rank `rank`'s.
struct LaneBlock {
  size_t first;
  size_t last;
  static LaneBlock of(size_t lane_count, uint32_t ranks, uint32_t rank) {
    return {lane_count * rank / ranks, lane_count * (rank + 1) / ranks};
  }
};

class LaneGradients {
 public:
  /// All references outlive this.
  LaneGradients(const std::shared_ptr<const Plan>& plan, const TrainerLimits& limits,
                const Shards& shards, collective::Communicator& ranks, gpu::ThreadPool& pool)
      : limits_(limits),
        shards_(shards),
        ranks_(ranks),
        pool_(pool),
        executors_(plan, Executor::Purpose::kTraining) {}

  /// The range's gradient in each lane of the step, from the range's first element on; valid until
  /// the next call. Throws on all ranks where a part of it fails on one.
  std::vector<float*> compute(const Policy& policy, std::span<const TrainItem> items,
                              const LossGradient& loss, const std::string& step);

 private:
  void run_lane(const Policy& policy, std::span<const TrainItem> items,
                std::span<const size_t> first, size_t lane, const LossGradient& loss,
                float* gradient);
  std::vector<float*> exchange(size_t lane_count, const std::string& step);

  const TrainerLimits& limits_;
  const Shards& shards_;
  collective::Communicator& ranks_;
  gpu::ThreadPool& pool_;
  ExecutorSet executors_;
  std::vector<FloatArena> own_;       // Whole arenas of this rank's lanes; made when first used.
  std::vector<FloatArena> received_;  // This rank's range of the others' lanes.
};

}  // namespace thespis::model
