#include "actors/base/engine.hpp"

#include <utility>

#include "actors/base/device_engine.hpp"
#include "actors/base/engine_of.hpp"

namespace thespis {

std::unique_ptr<Decoder> LocalEngine::make_decoder(std::shared_ptr<const model::Policy> policy,
                                                   model::GeneratorLimits limits) {
  return std::make_unique<DecoderOf<model::Generator>>(std::move(policy), limits, threads_);
}

std::unique_ptr<Trainer> LocalEngine::make_trainer(std::shared_ptr<const model::Policy> initial,
                                                   const model::AdamWOptions& options,
                                                   const model::TrainerLimits& limits) {
  return std::make_unique<TrainerOf<model::Trainer>>(std::move(initial), options, limits, threads_);
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
