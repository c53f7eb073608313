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

/// dL/dlogp of items [first, last), whose log-probs and entropies are given one after another.
/// Error naming the item where a number is not finite.
std::vector<float> loss_gradients(std::span<const TrainItem> items, size_t first, size_t last,
                                  std::span<const float> logprobs, std::span<const float> entropies,
                                  const LossGradient& loss);

/// Error naming the item, `what` and the token whose value is not finite.
void check_finite(size_t item, std::span<const float> values, const char* what);

/// Tokens and operations of a step.
Trainer::StepStats step_stats(std::span<const TrainItem> items, const Plan& plan);

}  // namespace thespis::model
