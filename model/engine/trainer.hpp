#pragma once
// One optimizer step over a ragged set of sequences: forward, the caller's dL/dlogp, backward,
// AdamW.
//   TR-1  The weights after a step depend on the items, the gradients given and the limits, never
//         on the number of threads: micro-batch i adds to gradient lane i % lanes, lanes are summed
//         in order.
//   TR-2  A step that throws leaves policy, moments and step count as they were.

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "gpu/thread_pool.hpp"
#include "model/engine/policy.hpp"

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
  Trainer(std::shared_ptr<const Policy> initial, AdamWOptions options, TrainerLimits limits,
          gpu::ThreadPool& pool);
  ~Trainer();
  Trainer(const Trainer&) = delete;
  Trainer& operator=(const Trainer&) = delete;

  struct StepStats {
    double grad_norm = 0;  ///< Before clipping.
    uint64_t tokens = 0;   ///< Rows computed: prompts and completions.
    double flops = 0;      ///< 6 x matmul parameters x rows, plus attention.
  };
  /// policy() is then version + 1. InputError as score(); Error naming the tensor if a gradient, or
  /// the item if a log-prob or its loss gradient, is not finite.
  StepStats step(std::span<const TrainItem> items, const LossGradient& loss, double learning_rate);

  std::shared_ptr<const Policy> policy() const;
  std::span<const float> first_moment() const;
  std::span<const float> second_moment() const;
  uint64_t step_count() const;
  /// The state of a checkpoint. InputError where a size does not fit the policy's arena.
  void restore(std::shared_ptr<const Policy> policy, std::span<const float> first_moment,
               std::span<const float> second_moment, uint64_t step_count);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace thespis::model
