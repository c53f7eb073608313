#include "actors/base/engine.hpp"

#include <algorithm>
#include <utility>

#include "actors/base/device_engine.hpp"
#include "actors/base/engine_of.hpp"
#include "actors/base/rank_threads.hpp"
#include "runtime/collective/thread_group.hpp"
#include "runtime/env/clock.hpp"

namespace thespis {

TrainerRanks ranks_of(const config::TrainSection& train,
                      std::vector<std::shared_ptr<collective::Communicator>> here) {
  const auto deadline = env::milliseconds(train.rank_deadline_s);
  if (here.empty()) {
    const collective::ThreadGroup group(train.ranks, {.deadline = deadline, .clock = nullptr});
    for (uint32_t r = 0; r < train.ranks; ++r) here.push_back(group.rank(r));
  }
  return {std::move(here), static_cast<model::Zero>(train.zero), deadline};
}

std::unique_ptr<Decoder> LocalEngine::make_decoder(std::shared_ptr<const model::Policy> policy,
                                                   model::GeneratorLimits limits) {
  return std::make_unique<DecoderOf<model::Generator>>(std::move(policy), limits, threads_);
}

std::unique_ptr<Trainer> LocalEngine::make_trainer(std::shared_ptr<const model::Policy> initial,
                                                   const model::AdamWOptions& options,
                                                   const model::TrainerLimits& limits,
                                                   const TrainerRanks& ranks) {
  using Rank = TrainerOf<model::Trainer>;
  const auto count = static_cast<unsigned>(ranks.here.size());
  if (count == 1)
    return std::make_unique<Rank>(std::move(initial), options, limits, threads_, ranks.here[0],
                                  ranks.zero);
  const unsigned share = std::max(1u, threads_.thread_count() / count);
  std::vector<std::unique_ptr<Trainer>> trainers;
  for (const auto& rank : ranks.here) {
    auto& pool = *rank_threads_.emplace_back(std::make_unique<gpu::ThreadPool>(share));
    trainers.push_back(std::make_unique<Rank>(initial, options, limits, pool, rank, ranks.zero));
  }
  return std::make_unique<RankThreads>(std::move(trainers));
}

std::vector<model::ScoreResult> LocalEngine::score(const model::Policy& policy,
                                                   std::span<const model::ScoreItem> items) {
  return model::score(policy, items, threads_);
}

std::unique_ptr<Engine> make_engine(const config::EngineSection& engine, gpu::ThreadPool& threads,
                                    CardUses cards) {
  if (engine.device == "cpu") return std::make_unique<LocalEngine>(threads);
  return std::make_unique<DeviceEngine>(engine.bitwise, std::move(cards));
}

}  // namespace thespis
