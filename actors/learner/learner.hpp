#pragma once
// One optimizer step from the groups of a batch: advantages, masks, loss, backward, AdamW, and the
// comparison of the samplers' log-probs with our own. No actor, no clock: the shell calls step()
// on the compute seam.
//   LN-1  The step is a function of the batch in its order and of the learner's state (SEED).
//   LN-2  A token older than max_age gets no gradient (AGE).
//   LN-3  A token sampled wholly under one version has, under the same weights here, the same
//         log-prob bit for bit (SAME-MATH): compared where the version is the current one, and on a
//         sample of sequences of earlier versions still kept.

#include <deque>
#include <memory>
#include <vector>

#include "actors/base/engine.hpp"
#include "actors/base/messages.hpp"
#include "actors/learner/age.hpp"
#include "actors/learner/policy_loss.hpp"
#include "runtime/config/recipe.hpp"

namespace thespis::learner {

/// What a step of the recipe is made of.
model::TrainerLimits trainer_limits(const config::Recipe& recipe);

class Learner {
 public:
  /// One of `ranks`, which all do the same. The reports of the first alone are whole.
  Learner(const config::Recipe& recipe, std::shared_ptr<const model::Policy> initial,
          Engine& engine, const TrainerRanks& ranks);
  /// Continues where a checkpoint left off.
  void restore(const LearnerSnapshot& snapshot);

  /// Brings the other ranks to where the first is, which went on from `restored` or from nothing
  /// (none). All call it, once, before the first step.
  void share_state(const LearnerSnapshot* restored);

  /// Takes one step; policy() is then one version on. Throws Error where a number is not finite:
  /// the state is then as before.
  StepReport step(const Batch& batch);

  std::shared_ptr<const model::Policy> policy() const { return trainer_->policy(); }
  std::shared_ptr<const model::Policy> reference() const { return reference_; }
  /// True once after a step at which the reference became the current policy.
  bool reference_was_reset() const { return reference_was_reset_; }
  LearnerSnapshot snapshot() const;

 private:
  struct Sequence;  // One completion with all that its loss needs.
  std::vector<Sequence> sequences_of(const Batch& batch, StepReport& report) const;
  void count_mismatches(const std::vector<Sequence>& sequences, uint64_t current,
                        StepReport& report) const;
  double learning_rate() const;

  config::TrainSection train_;
  uint32_t response_length_max_;
  float temperature_ = 1;
  LossOptions loss_;
  Engine& engine_;
  const bool is_first_;  // Of the ranks.
  std::unique_ptr<Trainer> trainer_;
  std::shared_ptr<const model::Policy> reference_;
  bool reference_was_reset_ = false;
  // The versions that a token in a batch may have been sampled under, newest last. With max_age = 0
  // none during a step: its weights take the place of the former ones.
  std::deque<std::shared_ptr<const model::Policy>> recent_;
};

/// Whether a checkpoint is written after this step of the run: then all ranks call snapshot().
bool is_kept(const config::Recipe& recipe, uint64_t step);

}  // namespace thespis::learner
