#pragma once
// AdamW over the flat arena: sums the gradient lanes, measures and clips, updates. The work is cut
// into fixed ranges, so neither sums nor results depend on the threads.

#include <span>
#include <vector>

#include "gpu/thread_pool.hpp"
#include "model/engine/trainer.hpp"
#include "runtime/base/error.hpp"

namespace thespis::model {

/// InputError where an option is out of its range.
void check(const AdamWOptions& options);
/// "training: the gradient of ... is not finite; the step was not taken".
Error not_finite(const TensorSpec& tensor);
/// InputError where a moment to restore has another size.
void check_moment(const WeightLayout& layout, std::span<const float> moment);

/// What the update of step `step` (from 1) multiplies with, prepared in double.
struct AdamWFactors {
  float gradient_scale;  ///< Of the clipping.
  float beta1, rest1, beta2, rest2;
  float keep;  ///< Where weight decay applies.
  float step_size, inverse_sqrt_correction2, epsilon;
};
AdamWFactors factors(const AdamWOptions& options, uint64_t step, double gradient_norm,
                     double learning_rate);

class Optimizer {
 public:
  Optimizer(const WeightLayout& layout, AdamWOptions options);

  /// Sums all lanes into the first; returns the global norm. Error naming the tensor whose gradient
  /// is not finite; moments are not touched.
  double reduce(std::span<float* const> lanes, gpu::ThreadPool& pool) const;
  /// One step: `weights_out` and the moments from `weights_in` and the reduced gradient.
  void update(const float* gradient, double grad_norm, double learning_rate,
              const float* weights_in, float* weights_out, gpu::ThreadPool& pool);

  std::span<const float> first_moment() const { return m_.span(); }
  std::span<const float> second_moment() const { return v_.span(); }
  uint64_t step_count() const { return step_count_; }
  /// InputError where a size does not fit.
  void restore(std::span<const float> first_moment, std::span<const float> second_moment,
               uint64_t step_count);

 private:
  struct Range {
    uint32_t tensor;
    uint64_t offset;
    uint64_t size;
  };
  const WeightLayout layout_;
  const AdamWOptions options_;
  std::vector<Range> ranges_;
  FloatArena m_, v_;
  uint64_t step_count_ = 0;
};

}  // namespace thespis::model
