#pragma once
// model/engine/trainer.hpp on a device: the same promises, micro-batches one after another. The
// policy of a step lives there; its weights come to the host when they are asked for, until the
// next step replaces the masters.

#include <memory>
#include <span>
#include <vector>

#include "model/device/device_model.hpp"
#include "model/engine/trainer.hpp"

namespace thespis::model {

class DeviceTrainer {
 public:
  DeviceTrainer(std::shared_ptr<DeviceModel> model, std::shared_ptr<const Policy> initial,
                AdamWOptions options, TrainerLimits limits);
  ~DeviceTrainer();
  DeviceTrainer(const DeviceTrainer&) = delete;
  DeviceTrainer& operator=(const DeviceTrainer&) = delete;

  Trainer::StepStats step(std::span<const TrainItem> items, const LossGradient& loss,
                          double learning_rate);
  std::shared_ptr<const Policy> policy() const;
  /// Copies on the host; valid until the next call.
  std::span<const float> first_moment() const;
  std::span<const float> second_moment() const;
  uint64_t step_count() const;
  void restore(std::shared_ptr<const Policy> policy, std::span<const float> first_moment,
               std::span<const float> second_moment, uint64_t step_count);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace thespis::model
