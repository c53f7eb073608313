#pragma once
// A policy's matrices as the kernels read them: panels for y = x W^T, and, once somebody trains,
// panels for dx = dy W.

#include <mutex>
#include <vector>

#include "model/engine/plan.hpp"

namespace thespis::model {

class PackedWeights {
 public:
  PackedWeights(const Plan& plan, const Weights& weights);

  const float* forward(uint32_t matrix) const { return forward_.data() + forward_at_[matrix]; }
  /// Only after prepare_backward().
  const float* backward(uint32_t matrix) const { return backward_.data() + backward_at_[matrix]; }
  /// Packs for the backward pass the first time it is called; thread-safe.
  void prepare_backward() const;

 private:
  FloatArena pack(bool transposed, std::vector<uint64_t>& at) const;

  const Plan& plan_;
  const Weights& weights_;
  std::vector<uint64_t> forward_at_;
  FloatArena forward_;
  mutable std::once_flag backward_once_;
  mutable std::vector<uint64_t> backward_at_;
  mutable FloatArena backward_{0};
};

}  // namespace thespis::model
