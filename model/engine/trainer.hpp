#pragma once
// One optimizer step over a ragged set of sequences: forward, the caller's dL/dlogp, backward,
// AdamW.
//   TR-1  The weights after a step depend on the items, the gradients given and the limits, never
//         on the number of threads or ranks: micro-batch i adds to gradient lane i % lanes, lanes
//         are summed in order.
//   TR-2  A step that throws leaves policy, moments and step count as they were, on every rank
//         (except after collective::RankLost: then the trainer is of no further use).
//   TR-3  A rank computes some of the lanes, and keeps the moments of its range (Shards) alone;
//         with ZeRO-3 also the weights: it sees those of a layer at a time.

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

/// Tokens in a row of an item's completion, with the entropies of their distributions.
struct ScoredTokens {
  size_t item;
  size_t first;  ///< Of the completion.
  std::span<const float> logprobs, entropies;
};
/// Fills dL/dlogp of `tokens`; called from lane threads. All of an item's tokens come once and in
/// order: together, or in parts where an engine has no room for the logits of all. The loss is the
/// sum over all items: whoever wants a mean divides by the global count here.
using LossGradient = std::function<void(const ScoredTokens& tokens, std::span<float> dloss_dlogp)>;

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
  uint32_t sequence_max = 0;  ///< Rows of the longest item, where they are more than a batch's.
  bool operator==(const TrainerLimits&) const = default;
};

/// What ranks share beside the work (Rajbhandari et al. 2019, arXiv 1910.02054). Where a step has
/// more micro-batches than lanes, the two add in different orders.
enum class Zero : uint8_t {
  kOptimizer = 1,  ///< The optimizer's state; every rank has all weights and lanes of all.
  kWeights = 3,    ///< The weights too, and gradients layer by layer.
};

class Trainer {
 public:
  /// One of `ranks`, which all do the same: same initial policy, same calls in the same order.
  Trainer(std::shared_ptr<const Policy> initial, AdamWOptions options, TrainerLimits limits,
          gpu::ThreadPool& pool,
          std::shared_ptr<collective::Communicator> ranks = collective::alone(),
          Zero zero = Zero::kOptimizer);
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

  /// With ZeRO-3, of ranks but the first, without weights: to ask for them is an Error.
  std::shared_ptr<const Policy> policy() const;
  /// Of the whole model on rank 0, until the next call; elsewhere empty. All ranks call these.
  std::span<const float> first_moment() const;
  std::span<const float> second_moment() const;
  uint64_t step_count() const;
  /// The state of a checkpoint, whole on every rank. InputError where a size does not fit the
  /// policy's arena.
  void restore(std::shared_ptr<const Policy> policy, std::span<const float> first_moment,
               std::span<const float> second_moment, uint64_t step_count);

  /// `records` has a piece of one size for each item of the last step, filled where `loss` was
  /// asked for the item: on rank 0 all are filled after this. All ranks call it.
  void gather_items(std::span<std::byte> records) const;
  /// What rank 0 has comes to all. All ranks call it.
  void broadcast(std::span<std::byte> bytes) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace thespis::model
