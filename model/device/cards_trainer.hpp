#pragma once
// Several cards of one host as one trainer: a DeviceTrainer on each, a thread for each, and cards
// that only sample, which get every version by the same exchange that the ranks get it by. The
// policies that it makes lie on all of them.

#include <chrono>
#include <memory>
#include <span>
#include <vector>

#include "model/device/device_model.hpp"
#include "model/engine/trainer.hpp"
#include "runtime/collective/communicator.hpp"

namespace thespis::model {

struct Cards {
  std::vector<std::shared_ptr<DeviceModel>> ranks;     ///< At least one.
  std::vector<std::shared_ptr<DeviceModel>> samplers;  ///< None of them a rank's.
  /// By rank, where ranks share the weights (ZeRO-3): those that get them whole, as samplers.
  std::vector<bool> ranks_sample = {};
  uint32_t recomputed_layers = 0;  ///< Plan::training_memory, of each rank.
};

class CardsTrainer {
 public:
  using Hosts = std::vector<std::shared_ptr<collective::Communicator>>;
  /// `hosts`: the ranks' threads among each other. There are as many gradient lanes as ranks,
  /// whatever the limits say. InputError where NCCL is lacking.
  CardsTrainer(Cards cards, std::shared_ptr<const Policy> initial, AdamWOptions options,
               TrainerLimits limits, Zero zero, Hosts hosts, std::chrono::milliseconds deadline);
  ~CardsTrainer();
  CardsTrainer(const CardsTrainer&) = delete;
  CardsTrainer& operator=(const CardsTrainer&) = delete;

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
