#pragma once
// Walks a plan over a batch on one thread, with memory of its own. One executor serves one thread
// at a time; results depend on batch, policy and pages alone.

#include <memory>

#include "gpu/ops.hpp"
#include "model/engine/batch.hpp"
#include "model/engine/parameters.hpp"
#include "model/engine/plan.hpp"
#include "model/engine/policy.hpp"

namespace thespis::model {

/// Pages of keys and values: layer l's begin at base + l * layer_stride.
struct KvView {
  float* base = nullptr;
  size_t layer_stride = 0;
};

class Executor {
 public:
  enum class Purpose : uint8_t { kForward, kTraining };
  /// Runs any policy whose config is the plan's. `recomputed_layers`: Plan::training_memory.
  Executor(std::shared_ptr<const Plan> plan, Purpose purpose, uint32_t recomputed_layers = 0);

  /// Fills the batch's logprobs and entropies (if it has targets) or drawn tokens and logprobs (if
  /// it has uniforms), and the pages of its rows.
  void forward(const Policy& policy, Batch& batch, const KvView& kv);
  /// The same with pages that live for one layer only: whole sequences.
  void forward(const Policy& policy, WholeSequences& sequences);
  /// After forward() of whole sequences: adds to `gradients`, shaped as the weights' arena. Needs
  /// policy.packed().prepare_backward().
  void backward(const Policy& policy, std::span<const float> dlogprobs, float* gradients);

  /// The same segment by segment, for weights that come and go: after start(), each of the plan's
  /// segments forward, then each in reverse order backward.
  void start(WholeSequences& sequences);
  void forward_segment(const Parameters& parameters, uint32_t index);
  void backward_segment(const Parameters& parameters, uint32_t index,
                        std::span<const float> dlogprobs, const ArenaMap& gradients);

 private:
  struct Block;
  void start(Batch& batch, const KvView& kv);
  void reserve(const Batch& batch);
  float* at(const Slot& slot, ValueId v, const Block& block);
  void run_forward(const OpRecord& op, const Block& block, const std::vector<Slot>& outputs);
  void run_backward(const OpRecord& op, const Block& block, const ArenaMap& gradients);
  float* logits(const OpRecord& op, const Block& block, const float* x);
  const MemoryPlan& memory() const { return memory_; }
  template <class F>
  void for_blocks(const Segment& segment, const F& f) const;
  gpu::AttendArgs attend_args(const OpRecord& op, const Block& block);

  const std::shared_ptr<const Plan> shared_plan_;
  const Plan& plan_;
  const Purpose purpose_;
  const MemoryPlan memory_;
  const gpu::Ops& ops_ = gpu::cpu_ops();
  uint32_t capacity_ = 0;  // Rows of the whole arena.
  FloatArena whole_{0}, block_{0}, logits_{0}, scratch_{0}, layer_pages_{0};

  // Of the walk in progress.
  const Parameters* parameters_ = nullptr;
  Batch* batch_ = nullptr;
  KvView kv_;
  uint32_t layer_ = 0;
  std::span<const float> dlogprobs_;
};

}  // namespace thespis::model
