#include "model/engine/packed_weights.hpp"

namespace thespis::model {

PackedWeights::PackedWeights(const Plan& plan, const Weights& weights)
    : plan_(plan), weights_(weights), forward_(pack(false, forward_at_)) {}

void PackedWeights::prepare_backward() const {
  std::call_once(backward_once_, [this] { backward_ = pack(true, backward_at_); });
}

FloatArena PackedWeights::pack(bool transposed, std::vector<uint64_t>& at) const {
  const gpu::Ops& ops = gpu::cpu_ops();
  uint64_t size = 0;
  for (const MatrixSpec& m : plan_.matrices()) {
    at.push_back(size);
    size +=
        transposed ? ops.packed_size(m.inputs, m.outputs) : ops.packed_size(m.outputs, m.inputs);
  }
  FloatArena panels(size);
  for (size_t i = 0; i < at.size(); ++i) {
    const MatrixSpec& m = plan_.matrices()[i];
    ops.pack({.weight = weights_.arena.data() + m.offset,
              .outputs = transposed ? m.inputs : m.outputs,
              .inputs = transposed ? m.outputs : m.inputs,
              .transposed = transposed,
              .panels = panels.data() + at[i]});
  }
  return panels;
}

}  // namespace thespis::model
