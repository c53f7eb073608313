#pragma once
// What actors compute with: decoding, scoring, training. The engine of model/ does it; the
// simulator has one that only charges the time which it would take. Called on the compute seam
// alone.

#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "actors/base/card_places.hpp"
#include "gpu/thread_pool.hpp"
#include "model/engine/generator.hpp"
#include "model/engine/policy.hpp"
#include "model/engine/scorer.hpp"
#include "model/engine/trainer.hpp"
#include "runtime/collective/communicator.hpp"
#include "runtime/config/recipe.hpp"

namespace thespis {

/// Writes completions, many at a time (model/engine/generator.hpp says what holds of it).
class Decoder {
 public:
  virtual ~Decoder() = default;
  virtual void install(std::shared_ptr<const model::Policy> policy) = 0;
  virtual bool has_free_slot() const = 0;
  virtual uint32_t active_count() const = 0;
  virtual void add(model::SequenceRequest request) = 0;
  virtual bool cancel(uint64_t id) = 0;
  virtual std::vector<model::FinishedSequence> step() = 0;
  virtual std::vector<int32_t> tokens_of(uint64_t id) const = 0;
  /// Where no sequence is in flight: the policy may be let go; install() comes before the next
  /// add().
  virtual void rest() {}
};

/// Takes optimizer steps (model/engine/trainer.hpp says what holds of it).
class Trainer {
 public:
  virtual ~Trainer() = default;
  virtual model::Trainer::StepStats step(std::span<const model::TrainItem> items,
                                         const model::LossGradient& loss, double learning_rate) = 0;
  virtual std::shared_ptr<const model::Policy> policy() const = 0;
  virtual std::span<const float> first_moment() const = 0;
  virtual std::span<const float> second_moment() const = 0;
  virtual uint64_t step_count() const = 0;
  virtual void restore(std::shared_ptr<const model::Policy> policy,
                       std::span<const float> first_moment, std::span<const float> second_moment,
                       uint64_t step_count) = 0;
  /// After step(): `records`, equal pieces for the items, each filled where the item's loss was
  /// asked for, are whole on the first rank. All ranks call it.
  virtual void gather_items(std::span<std::byte> records) = 0;
  /// What the first rank has comes to all of them. All ranks call it.
  virtual void broadcast(std::span<std::byte> bytes) = 0;
};

/// Who takes each step together.
struct TrainerRanks {
  /// Of this process, one for each of its ranks.
  std::vector<std::shared_ptr<collective::Communicator>> here = {collective::alone()};
  model::Zero zero = model::Zero::kOptimizer;
  std::chrono::milliseconds deadline{60'000};  ///< That they wait for one of them.

  bool has_first() const { return here[0]->rank() == 0; }
};
/// As a recipe says: those `here`, or, without, all of them as threads.
TrainerRanks ranks_of(const config::TrainSection& train,
                      std::vector<std::shared_ptr<collective::Communicator>> here = {});

class Engine {
 public:
  virtual ~Engine() = default;
  virtual std::unique_ptr<Decoder> make_decoder(std::shared_ptr<const model::Policy> policy,
                                                model::GeneratorLimits limits) = 0;
  virtual std::unique_ptr<Trainer> make_trainer(std::shared_ptr<const model::Policy> initial,
                                                const model::AdamWOptions& options,
                                                const model::TrainerLimits& limits,
                                                const TrainerRanks& ranks) = 0;
  /// Log-probs of given completions under a policy.
  virtual std::vector<model::ScoreResult> score(const model::Policy& policy,
                                                std::span<const model::ScoreItem> items) = 0;
};

/// The engine of model/ on the threads of a pool, which outlives it.
class LocalEngine final : public Engine {
 public:
  explicit LocalEngine(gpu::ThreadPool& threads) : threads_(threads) {}
  std::unique_ptr<Decoder> make_decoder(std::shared_ptr<const model::Policy> policy,
                                        model::GeneratorLimits limits) override;
  std::unique_ptr<Trainer> make_trainer(std::shared_ptr<const model::Policy> initial,
                                        const model::AdamWOptions& options,
                                        const model::TrainerLimits& limits,
                                        const TrainerRanks& ranks) override;
  std::vector<model::ScoreResult> score(const model::Policy& policy,
                                        std::span<const model::ScoreItem> items) override;

 private:
  gpu::ThreadPool& threads_;
  std::vector<std::unique_ptr<gpu::ThreadPool>> rank_threads_;  // Of ranks beside each other.
};

/// `threads` outlives it. `cards` matters where the section's device is a card.
std::unique_ptr<Engine> make_engine(const config::EngineSection& engine, gpu::ThreadPool& threads,
                                    CardUses cards);

}  // namespace thespis
