#pragma once
// What every trainer does on the host, wherever it computes: checks, the cut of a step into
// micro-batches, the caller's loss.

#include <span>
#include <vector>

#include "model/engine/batch.hpp"
#include "model/engine/plan.hpp"
#include "model/engine/trainer.hpp"

namespace thespis::model {

ScoredSequence scored(const TrainItem& item);

/// InputError where a limit is 0.
void check(const TrainerLimits& limits);
/// InputError as Trainer::step().
void check_step(std::span<const TrainItem> items, const ModelConfig& config, double learning_rate);
/// InputError where a policy to restore is of another model.
void check_same_model(const Policy& restored, const Policy& current);

/// First item of each micro-batch (and the end): whole sequences in order, about equal in rows.
/// Their number fills the lanes evenly: a power of two up to `lanes`, then a multiple of it; more
/// where one would have more rows than micro_batch_tokens, which only a single sequence may.
std::vector<size_t> split(std::span<const TrainItem> items, const TrainerLimits& limits);

/// The loss of a micro-batch, items [first, last), whose log-probs come one after another.
class BatchLoss {
 public:
  BatchLoss(std::span<const TrainItem> items, size_t first, size_t last, const LossGradient& loss)
      : items_(items), item_(first), last_(last), loss_(loss) {}
  /// dL/dlogp of the tokens that follow those of the calls before. Error naming the item and the
  /// token where a number is not finite.
  std::vector<float> next(std::span<const float> logprobs, std::span<const float> entropies);

 private:
  std::span<const TrainItem> items_;
  size_t item_, token_ = 0, last_;
  const LossGradient& loss_;
};

/// Tokens and operations of a step.
Trainer::StepStats step_stats(std::span<const TrainItem> items, const Plan& plan);

}  // namespace thespis::model
