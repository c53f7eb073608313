#pragma once
// One optimizer step over a ragged set of sequences: forward, the caller's dL/dlogp, backward,
// AdamW.
//   TR-1  The weights after a step depend on the items, the gradients given and the limits, never
//         on the number of threads or ranks: micro-batch i adds to gradient lane i % lanes, lanes
//         are summed in order.
//   TR-2  A step that throws leaves policy, moments and step count as they were, on every rank
//         (except after collective::RankLost: then the trainer is of no further use).
//   TR-3  A rank computes some of the lanes and keeps the moments of its range (Shards) alone.

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "gpu/thread_pool.hpp"
#include "model/engine/policy.hpp"
#include "runtime/collective/communicator.hpp"

namespace thespis::model {

struct TrainItem {
  std::vector<int32_t> prompt;      ///< At least one token; carries no loss.
  std::vector<int32_t> completion;  ///< Every token of it is a loss position.
  float temperature = 1.0f;         ///< 0 (greedy) trains as 1.
};

/// Fills dloss_dlogp for `item`; called from lane threads, once for each item. The loss is the sum
/// over all items: whoever wants a mean divides by the global count here.
using LossGradient =
    std::function<void(size_t item, std::span<const float> logprobs,
                       std::span<const float> entropies, std::span<float> dloss_dlogp)>;

/// AdamW (Loshchilov and Hutter 2019, decoupled decay, bias correction). Decay: TensorSpec::decays.
struct AdamWOptions {
  double beta1 = 0.9;
  double beta2 = 0.99;
  double epsilon = 1e-8;
  double weight_decay = 0.0;
  double clip_grad_norm = 1.0;  ///< Of the global norm; 0 = no clipping.
};

struct TrainerLimits {
  uint32_t micro_batch_tokens = 4096;
  uint32_t lanes = 16;
};

class Trainer {
 public:
  /// One of `ranks`, which all do the same: same initial policy, same calls in the same order.
  Trainer(std::shared_ptr<const Policy> initial, AdamWOptions options, TrainerLimits limits,
          gpu::ThreadPool& pool,
          std::shared_ptr<collective::Communicator> ranks = collective::alone());
  ~Trainer();
  Trainer(const Trainer&) = delete;
  Trainer& operator=(const Trainer&) = delete;

  struct StepStats {
    double grad_norm = 0;  ///< Before clipping.
    uint64_t tokens = 0;   ///< Rows computed: prompts and completions.
    double flops = 0;      ///< 6 x matmul parameters x rows, plus attention.
  };
  /// policy() is then version + 1. `loss` is asked for the items of this rank's lanes alone.
  /// InputError as score(); Error naming the tensor if a gradient, or the item if a log-prob or its
  /// loss gradient, is not finite; collective::RankLost.
  StepStats step(std::span<const TrainItem> items, const LossGradient& loss, double learning_rate);

  std::shared_ptr<const Policy> policy() const;
  /// Of the whole model on rank 0, until the next call; elsewhere empty. All ranks call these.
  std::span<const float> first_moment() const;
  std::span<const float> second_moment() const;
  uint64_t step_count() const;
  /// The state of a checkpoint, whole on every rank. InputError where a size does not fit the
  /// policy's arena.
  void restore(std::shared_ptr<const Policy> policy, std::span<const float> first_moment,
               std::span<const float> second_moment, uint64_t step_count);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace thespis::model
