#pragma once
// AdamW over a rank's range of the flat arena: sums the gradient lanes, measures and clips,
// updates. The work is cut into fixed pieces, so neither sums nor results depend on threads or
// ranks.

#include <span>
#include <vector>

#include "gpu/thread_pool.hpp"
#include "model/engine/shards.hpp"
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
  /// Of the range that `rank` owns. All arrays below begin with that range's first element.
  Optimizer(const WeightLayout& layout, AdamWOptions options, const Shards& shards, uint32_t rank);

  /// Sums all lanes into the first. The squares of the range's pieces stand in their places among
  /// those of the whole arena; the others are 0 until their owners' are there (squares_bytes()).
  std::vector<double> reduce(std::span<float* const> lanes, gpu::ThreadPool& pool) const;
  /// Which of the squares are whose.
  const std::vector<collective::ByteRange>& squares_bytes() const { return squares_bytes_; }
  /// The global norm from all squares. Error naming the tensor whose gradient is not finite.
  double norm(std::span<const double> squares) const;
  /// One step: `weights_out` and the moments from `weights_in` and the reduced gradient.
  void update(const float* gradient, double grad_norm, double learning_rate,
              const float* weights_in, float* weights_out, gpu::ThreadPool& pool);

  std::span<const float> first_moment() const { return m_.span(); }
  std::span<const float> second_moment() const { return v_.span(); }
  uint64_t step_count() const { return step_count_; }
  /// From moments of the whole arena. InputError where a size does not fit.
  void restore(std::span<const float> first_moment, std::span<const float> second_moment,
               uint64_t step_count);

 private:
  struct Piece {
    uint32_t tensor;
    uint64_t offset;
    uint64_t size;
  };
  const WeightLayout layout_;
  const AdamWOptions options_;
  const Shards::Range own_;
  std::vector<Piece> pieces_;  // Of the whole arena; those of own_ are [first_, last_).
  size_t first_ = 0, last_ = 0;
  std::vector<collective::ByteRange> squares_bytes_;
  FloatArena m_, v_;
  uint64_t step_count_ = 0;
};

}  // namespace thespis::model
