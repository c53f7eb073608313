#include "actors/base/device_engine.hpp"

#include <algorithm>
#include <string>

#include "model/device/device_generator.hpp"
#include "model/device/device_scorer.hpp"
#include "model/device/device_trainer.hpp"

namespace thespis {
namespace {

// Of the memory that is free when a decoder is made: the rest is for activations and a trainer.
constexpr double kPagesShare = 0.4;

class DeviceDecoder final : public Decoder {
 public:
  DeviceDecoder(std::shared_ptr<model::DeviceModel> model,
                std::shared_ptr<const model::Policy> policy, model::GeneratorLimits limits,
                uint32_t page_count)
      : generator_(std::move(model), std::move(policy), limits, page_count) {}
  void install(std::shared_ptr<const model::Policy> policy) override {
    generator_.install(std::move(policy));
  }
  bool has_free_slot() const override { return generator_.free_slots() > 0; }
  uint32_t active_count() const override { return generator_.active_count(); }
  void add(model::SequenceRequest request) override { generator_.add(std::move(request)); }
  bool cancel(uint64_t id) override { return generator_.cancel(id); }
  std::vector<model::FinishedSequence> step() override { return generator_.step(); }

 private:
  model::DeviceGenerator generator_;
};

class DeviceTrainerShell final : public Trainer {
 public:
  DeviceTrainerShell(std::shared_ptr<model::DeviceModel> model,
                     std::shared_ptr<const model::Policy> initial,
                     const model::AdamWOptions& options, const model::TrainerLimits& limits)
      : trainer_(std::move(model), std::move(initial), options, limits) {}
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
  model::DeviceTrainer trainer_;
};

}  // namespace

DeviceEngine::DeviceEngine(const std::string& name)
    : index_(name.find(':') == name.npos
                 ? 0
                 : static_cast<uint32_t>(std::stoul(name.substr(name.find(':') + 1)))) {}

DeviceEngine::~DeviceEngine() = default;

std::shared_ptr<model::DeviceModel> DeviceEngine::model_of(const model::Policy& policy) {
  const std::lock_guard lock(mutex_);
  if (device_ == nullptr) device_ = gpu::open_device(index_);
  auto& model = models_[&policy.plan()];
  if (model == nullptr) model = model::DeviceModel::make(device_, policy.shared_plan());
  return model;
}

std::unique_ptr<Decoder> DeviceEngine::make_decoder(std::shared_ptr<const model::Policy> policy,
                                                    model::GeneratorLimits limits) {
  auto model = model_of(*policy);
  const uint64_t page_bytes = policy->plan().attend_shape().page_floats() * sizeof(gpu::Bf16) *
                              policy->config().layer_count;
  const uint64_t one = model::pages_for(limits.context_max) + 1;
  const uint64_t wanted = uint64_t{limits.slots} * (one - 1) + 1;
  const double room = static_cast<double>(model->device()->info().memory_free) * kPagesShare;
  const auto fit = static_cast<uint64_t>(room / static_cast<double>(page_bytes));
  const auto pages = static_cast<uint32_t>(std::clamp(fit, one, wanted));
  return std::make_unique<DeviceDecoder>(std::move(model), std::move(policy), limits, pages);
}

std::unique_ptr<Trainer> DeviceEngine::make_trainer(std::shared_ptr<const model::Policy> initial,
                                                    const model::AdamWOptions& options,
                                                    const model::TrainerLimits& limits) {
  auto model = model_of(*initial);
  return std::make_unique<DeviceTrainerShell>(std::move(model), std::move(initial), options,
                                              limits);
}

std::vector<model::ScoreResult> DeviceEngine::score(const model::Policy& policy,
                                                    std::span<const model::ScoreItem> items) {
  const auto model = model_of(policy);
  std::shared_ptr<model::DeviceScorer> scorer;
  {
    const std::lock_guard lock(mutex_);
    auto& place = scorers_[&policy.plan()];
    if (place == nullptr) place = std::make_shared<model::DeviceScorer>(model);
    scorer = place;
  }
  return scorer->score(policy, items);
}

}  // namespace thespis
