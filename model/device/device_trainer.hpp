#pragma once
// model/engine/trainer.hpp on devices: the same promises, micro-batches one after another. The
// policy of a step lives there; its weights come to the host when they are asked for, until the
// next step replaces them.
//   DT-1  Rank r of several computes gradient lane r; one rank computes all of `limits.lanes`. So a
//         step of n ranks and one of a single rank with n lanes give the same bits, with ZeRO-1
//         and with ZeRO-3 (where lanes are added round by round).

#include <memory>
#include <span>
#include <vector>

#include "model/device/device_model.hpp"
#include "model/device/device_rank.hpp"
#include "model/engine/trainer.hpp"

namespace thespis::model {

class DeviceOptimizer;

class DeviceTrainer {
 public:
  /// Takes all its memory here, but for lanes that it adds up alone; `recomputed_layers`:
  /// Plan::training_memory. InputError where there are several ranks and not as many lanes. All
  /// ranks take each step.
  DeviceTrainer(std::shared_ptr<DeviceModel> model, std::shared_ptr<const Policy> initial,
                AdamWOptions options, TrainerLimits limits, Zero zero = Zero::kOptimizer,
                DeviceGroup group = {}, uint32_t recomputed_layers = 0);
  ~DeviceTrainer();
  DeviceTrainer(const DeviceTrainer&) = delete;
  DeviceTrainer& operator=(const DeviceTrainer&) = delete;

  Trainer::StepStats step(std::span<const TrainItem> items, const LossGradient& loss,
                          double learning_rate);
  /// The two halves of step(): the gradient of all ranks, and, unless that failed, the update.
  Trainer::StepStats compute(std::span<const TrainItem> items, const LossGradient& loss,
                             double learning_rate);
  void update(double gradient_norm, double learning_rate);
  /// Of several ranks: with the weights of the own card alone, where that samples; they cannot come
  /// to the host.
  std::shared_ptr<const Policy> policy() const;
  /// Copies on the host; valid until the next call. Of several ranks: the own shard in its place.
  std::span<const float> first_moment() const;
  std::span<const float> second_moment() const;
  uint64_t step_count() const;
  /// Of the float weights; shared with the policies made here, which ask it for theirs.
  const std::shared_ptr<DeviceOptimizer>& optimizer() const;
  void restore(std::shared_ptr<const Policy> policy, std::span<const float> first_moment,
               std::span<const float> second_moment, uint64_t step_count);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace thespis::model
