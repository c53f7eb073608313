#include "actors/base/engine.hpp"

#include <utility>

#include "actors/base/device_engine.hpp"

namespace thespis {
namespace {

class LocalDecoder final : public Decoder {
 public:
  LocalDecoder(std::shared_ptr<const model::Policy> policy, model::GeneratorLimits limits,
               gpu::ThreadPool& threads)
      : generator_(std::move(policy), limits, threads) {}
  void install(std::shared_ptr<const model::Policy> policy) override {
    generator_.install(std::move(policy));
  }
  bool has_free_slot() const override { return generator_.has_free_slot(); }
  uint32_t active_count() const override { return generator_.active_count(); }
  void add(model::SequenceRequest request) override { generator_.add(std::move(request)); }
  bool cancel(uint64_t id) override { return generator_.cancel(id); }
  std::vector<model::FinishedSequence> step() override { return generator_.step(); }

 private:
  model::Generator generator_;
};

class LocalTrainer final : public Trainer {
 public:
  LocalTrainer(std::shared_ptr<const model::Policy> initial, const model::AdamWOptions& options,
               const model::TrainerLimits& limits, gpu::ThreadPool& threads)
      : trainer_(std::move(initial), options, limits, threads) {}
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

 private:
  model::Trainer trainer_;
};

}  // namespace

std::unique_ptr<Decoder> LocalEngine::make_decoder(std::shared_ptr<const model::Policy> policy,
                                                   model::GeneratorLimits limits) {
  return std::make_unique<LocalDecoder>(std::move(policy), limits, threads_);
}

std::unique_ptr<Trainer> LocalEngine::make_trainer(std::shared_ptr<const model::Policy> initial,
                                                   const model::AdamWOptions& options,
                                                   const model::TrainerLimits& limits) {
  return std::make_unique<LocalTrainer>(std::move(initial), options, limits, threads_);
}

std::vector<model::ScoreResult> LocalEngine::score(const model::Policy& policy,
                                                   std::span<const model::ScoreItem> items) {
  return model::score(policy, items, threads_);
}

std::unique_ptr<Engine> make_engine(const std::string& device, gpu::ThreadPool& threads) {
  if (device == "cpu") return std::make_unique<LocalEngine>(threads);
  return std::make_unique<DeviceEngine>(device);
}

}  // namespace thespis
