#pragma once
// The engines of model/, on the CPU and on a card, as what actors compute with.

#include <memory>
#include <utility>
#include <vector>

#include "actors/base/engine.hpp"

namespace thespis {

template <class Generator>
class DecoderOf final : public Decoder {
 public:
  template <class... Args>
  explicit DecoderOf(Args&&... args) : generator_(std::forward<Args>(args)...) {}
  void install(std::shared_ptr<const model::Policy> policy) override {
    generator_.install(std::move(policy));
  }
  bool has_free_slot() const override { return generator_.free_slots() > 0; }
  uint32_t active_count() const override { return generator_.active_count(); }
  void add(model::SequenceRequest request) override { generator_.add(std::move(request)); }
  bool cancel(uint64_t id) override { return generator_.cancel(id); }
  std::vector<model::FinishedSequence> step() override { return generator_.step(); }
  std::vector<int32_t> tokens_of(uint64_t id) const override { return generator_.tokens_of(id); }
  void rest() override {
    if constexpr (requires { generator_.rest(); }) generator_.rest();
  }

 private:
  Generator generator_;
};

template <class Implementation>
class TrainerOf final : public Trainer {
 public:
  template <class... Args>
  explicit TrainerOf(Args&&... args) : trainer_(std::forward<Args>(args)...) {}
  model::Trainer::StepStats step(std::span<const model::TrainItem> items,
                                 const model::LossGradient& loss, double learning_rate) override {
    return trainer_.step(items, loss, learning_rate);
  }
  std::shared_ptr<const model::Policy> policy() const override { return trainer_.policy(); }
  std::span<const float> first_moment() const override { return trainer_.first_moment(); }
  std::span<const float> second_moment() const override { return trainer_.second_moment(); }
  uint64_t step_count() const override { return trainer_.step_count(); }
  void restore(std::shared_ptr<const model::Policy> policy, std::span<const float> first_moment,
               std::span<const float> second_moment, uint64_t step_count) override {
    trainer_.restore(std::move(policy), first_moment, second_moment, step_count);
  }
  void gather_items(std::span<std::byte> records) override {
    // A trainer of cards has all its ranks in this process.
    if constexpr (requires { trainer_.gather_items(records); }) trainer_.gather_items(records);
  }
  void broadcast(std::span<std::byte> bytes) override {
    if constexpr (requires { trainer_.broadcast(bytes); }) trainer_.broadcast(bytes);
  }

 private:
  Implementation trainer_;
};

}  // namespace thespis
