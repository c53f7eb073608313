#pragma once
// Ranks of a training that live in this process, as one trainer: each has a thread of its own, all
// of them do what is asked of the whole.

#include <functional>
#include <memory>
#include <vector>

#include "actors/base/engine.hpp"
#include "runtime/env/compute.hpp"

namespace thespis {

class RankThreads final : public Trainer {
 public:
  /// One trainer for each rank, of one group; the first answers for all of them.
  explicit RankThreads(std::vector<std::unique_ptr<Trainer>> ranks);

  model::Trainer::StepStats step(std::span<const model::TrainItem> items,
                                 const model::LossGradient& loss, double learning_rate) override;
  std::shared_ptr<const model::Policy> policy() const override { return ranks_[0]->policy(); }
  std::span<const float> first_moment() const override;
  std::span<const float> second_moment() const override;
  uint64_t step_count() const override { return ranks_[0]->step_count(); }
  void restore(std::shared_ptr<const model::Policy> policy, std::span<const float> first_moment,
               std::span<const float> second_moment, uint64_t step_count) override;
  void gather_items(std::span<std::byte> records) override;
  void broadcast(std::span<std::byte> bytes) override;

 private:
  /// Runs `work` for every rank at once. Throws the cause where any fails: not that others then
  /// missed it.
  void on_all(const std::function<void(uint32_t rank)>& work) const;

  const std::vector<std::unique_ptr<Trainer>> ranks_;
  std::vector<std::unique_ptr<env::ComputeThread>> threads_;  // Of all but the first.
};

}  // namespace thespis
