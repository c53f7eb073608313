#pragma once
// How much memory of a card each part of the engine takes. The parts allocate by these numbers, and
// a card is planned with them (card_plan.hpp), so the two cannot differ.

#include <cstdint>
#include <string>
#include <vector>

#include "model/engine/plan.hpp"
#include "model/engine/sequence.hpp"
#include "model/engine/shards.hpp"
#include "model/engine/trainer.hpp"

namespace thespis::model {

/// A named share of a card's memory.
struct MemoryPart {
  std::string what;
  uint64_t bytes;
};
uint64_t total(const std::vector<MemoryPart>& parts);

/// The largest batch that an executor walks.
struct BatchLimits {
  uint32_t rows = 0;
  uint32_t head_rows = 0;
  /// Of single rows over pages, whose attention is computed in pieces; 0: whole sequences only.
  uint32_t decode_rows = 0;
  uint32_t keys_max = 0;
};

/// Sizes are counts of elements, bf16 or floats as DeviceExecutor has them.
struct ExecutorMemory {
  uint64_t whole = 0, block = 0, lse = 0, delta = 0, logits = 0, columns = 0;
  uint64_t scratch = 0;        ///< Bytes.
  uint32_t head_capacity = 0;  ///< Head rows of one piece of logits.
  /// Of `count` head rows, in pieces about as large as each other.
  uint32_t head_piece(uint32_t count) const;
  uint32_t logits_stride = 0;

  /// `memory`: the plan's, of a walk forward or of training.
  static ExecutorMemory of(const Plan& plan, const MemoryPlan& memory, bool trains,
                           const BatchLimits& limits);
  std::vector<MemoryPart> parts() const;
};

/// What DeviceOptimizer has. Sizes are counts of elements.
struct OptimizerMemory {
  uint64_t gradient = 0, low = 0, first_moment = 0, second_moment = 0, tiles = 0;
  uint64_t weights = 0;   ///< Of the own shard, where ranks share the weights.
  uint64_t received = 0;  ///< Bytes: gradients of other ranks.

  static OptimizerMemory of(const WeightLayout& layout, const Shards& shards, uint32_t rank,
                            Zero zero);
  std::vector<MemoryPart> parts() const;
};

/// What DeviceLayers has: buffers, in elements.
struct LayersMemory {
  std::vector<uint64_t> weights, gradients;
  uint64_t received = 0;  ///< Bytes: gradients of other ranks.

  static LayersMemory of(const Plan& plan, const Shards& shards);
  std::vector<MemoryPart> parts() const;
};

constexpr uint32_t kPagesAhead = 8;  ///< Taken at once where there are plenty.

/// A decoder beside its executor and its pages.
struct GeneratorMemory {
  uint32_t decode_rows = 0;   ///< The most of one step.
  uint32_t table_stride = 0;  ///< Pages of a sequence.
  BatchLimits batch;          ///< A prefill's too.

  static GeneratorMemory of(const GeneratorLimits& limits);
  std::vector<MemoryPart> parts(const GeneratorLimits& limits) const;
};
/// Rows of the graph that runs `count` sequences: few enough sizes that graphs are reused.
uint32_t graph_rows(uint32_t count);
/// Its bound on keys, where sequences have at most `keys` of them and can have `context_max`.
uint32_t graph_keys(uint32_t keys, uint32_t context_max);
/// Bytes of one page of all layers.
uint64_t page_bytes(const Plan& plan);
/// Pages that hold one sequence of context_max tokens, and that all slots can need; each with the
/// page that rows which only fill a batch write to.
uint32_t pages_for_one(const GeneratorLimits& limits);
uint32_t pages_for_all(const GeneratorLimits& limits);

/// The batches that a trainer and a scorer walk.
BatchLimits trainer_batch(const TrainerLimits& limits);
BatchLimits scorer_batch(uint32_t sequence_max);

}  // namespace thespis::model
