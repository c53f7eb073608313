#include "actors/base/device_engine.hpp"

#include <algorithm>
#include <string>

#include "actors/base/engine_of.hpp"
#include "model/device/cards_trainer.hpp"
#include "model/device/device_generator.hpp"
#include "model/device/device_scorer.hpp"
#include "model/device/device_trainer.hpp"
#include "runtime/base/error.hpp"

namespace thespis {
namespace {

// Of the memory that is free when a decoder is made: the rest is for activations and a trainer.
constexpr double kPagesShare = 0.4;

}  // namespace

DeviceEngine::DeviceEngine(const config::EngineSection& engine)
    : first_card_(config::card_range(engine.device)->first),
      score_card_(first_card_),
      sampler_cards_(*config::card_range(engine.sampler_device.empty() ? engine.device
                                                                       : engine.sampler_device)) {}

DeviceEngine::~DeviceEngine() = default;

std::shared_ptr<model::DeviceModel> DeviceEngine::model_of(const model::Policy& policy,
                                                           uint32_t card) {
  const std::lock_guard lock(mutex_);
  auto& device = cards_[card];
  if (device == nullptr) device = gpu::open_device(card);
  auto& model = models_[{&policy.plan(), card}];
  if (model == nullptr) model = model::DeviceModel::make(device, policy.shared_plan());
  return model;
}

std::unique_ptr<Decoder> DeviceEngine::make_decoder(std::shared_ptr<const model::Policy> policy,
                                                    model::GeneratorLimits limits) {
  uint32_t card = 0;
  {
    const std::lock_guard lock(mutex_);
    card = sampler_cards_.first + decoders_made_++ % sampler_cards_.size();
  }
  auto model = model_of(*policy, card);
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
  const auto count = static_cast<uint32_t>(ranks.here.size());
  if (ranks.here[0]->size() > count)
    throw InputError("train.local_ranks = " + std::to_string(count) +
                     ": must be all of train.ranks where engine.device is a card");
  model::Cards cards;
  for (uint32_t r = 0; r < count; ++r) cards.ranks.push_back(model_of(*initial, first_card_ + r));
  for (uint32_t c = sampler_cards_.first; c <= sampler_cards_.last; ++c)
    if (c < first_card_ || c >= first_card_ + count)
      cards.samplers.push_back(model_of(*initial, c));
  if (ranks.zero == model::Zero::kWeights && count > 1) {
    // Scores need whole weights too.
    score_card_ = sampler_cards_.first;
    for (uint32_t r = 0; r < count; ++r)
      cards.ranks_sample.push_back(sampler_cards_.contains(first_card_ + r));
  }
  if (count + cards.samplers.size() == 1) {
    const model::TrainerLimits one_lane{limits.micro_batch_tokens, 1, limits.sequence_max};
    return std::make_unique<TrainerOf<model::DeviceTrainer>>(cards.ranks[0], std::move(initial),
                                                             options, one_lane, ranks.zero);
  }
  return std::make_unique<TrainerOf<model::CardsTrainer>>(std::move(cards), std::move(initial),
                                                          options, limits, ranks.zero, ranks.here,
                                                          ranks.deadline);
}

std::vector<model::ScoreResult> DeviceEngine::score(const model::Policy& policy,
                                                    std::span<const model::ScoreItem> items) {
  const auto model = model_of(policy, score_card_);
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
