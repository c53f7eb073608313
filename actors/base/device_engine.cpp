#include "actors/base/device_engine.hpp"

#include <algorithm>
#include <string>

#include "actors/base/engine_of.hpp"
#include "model/device/device_generator.hpp"
#include "model/device/device_scorer.hpp"
#include "model/device/device_trainer.hpp"
#include "runtime/base/error.hpp"

namespace thespis {
namespace {

// Of the memory that is free when a decoder is made: the rest is for activations and a trainer.
constexpr double kPagesShare = 0.4;

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
  return std::make_unique<DecoderOf<model::DeviceGenerator>>(std::move(model), std::move(policy),
                                                             limits, pages);
}

std::unique_ptr<Trainer> DeviceEngine::make_trainer(std::shared_ptr<const model::Policy> initial,
                                                    const model::AdamWOptions& options,
                                                    const model::TrainerLimits& limits,
                                                    const TrainerRanks& ranks) {
  if (ranks.here[0]->size() > 1)
    throw InputError("train.ranks = " + std::to_string(ranks.here[0]->size()) +
                     ": must be 1 where engine.device is a card");
  auto model = model_of(*initial);
  return std::make_unique<TrainerOf<model::DeviceTrainer>>(std::move(model), std::move(initial),
                                                           options, limits);
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
