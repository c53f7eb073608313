#pragma once
// A set of weights: one flat float32 arena, its layout, its config. Immutable once shared: whoever
// makes a new version fills a new arena. Samplers, reference and learner hold shared_ptr<const
// Weights>.

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "model/engine/model_config.hpp"
#include "runtime/env/random.hpp"

namespace thespis::model {

/// Float storage on a cache line's boundary, zeroed.
class FloatArena {
 public:
  explicit FloatArena(uint64_t size);
  FloatArena(const FloatArena& other);
  FloatArena& operator=(const FloatArena& other);
  FloatArena(FloatArena&&) noexcept = default;
  FloatArena& operator=(FloatArena&&) noexcept = default;
  float* data() { return data_.get(); }
  const float* data() const { return data_.get(); }
  uint64_t size() const { return size_; }
  std::span<float> span() { return {data_.get(), size_}; }
  std::span<const float> span() const { return {data_.get(), size_}; }

 private:
  struct Free {
    void operator()(float* p) const;
  };
  uint64_t size_;
  std::unique_ptr<float[], Free> data_;
};

struct Weights {
  ModelConfig config;
  WeightLayout layout;
  FloatArena arena;

  /// Zeroed weights of the right shapes.
  explicit Weights(const ModelConfig& model_config);
  std::span<float> tensor(const TensorSpec& t) { return arena.span().subspan(t.offset, t.size()); }
  std::span<const float> tensor(const TensorSpec& t) const {
    return arena.span().subspan(t.offset, t.size());
  }
  /// XXH3-64 of the arena's bytes: what a weight manifest carries and a receiver verifies.
  uint64_t checksum() const;
};

/// SHA-256 of the arena's bytes, in hexadecimal: the name by which two runs compare their results.
std::string weights_sha256(const Weights& weights);

/// One tensor of init_weights, from its first element on, piece by piece.
class TensorInit {
 public:
  TensorInit(const ModelConfig& config, const TensorSpec& spec, size_t index, uint64_t seed);
  void fill(std::span<float> next);

 private:
  double scale_ = 0;
  float constant_ = 0;  // Of a vector.
  bool is_vector_;
  env::KeyedRandom random_;
};

/// Normal(0, 0.02) matrices, residual output projections scaled by 1/sqrt(2 layers) (GPT-2), norms
/// 1, biases 0. Element e of tensor t is a function of (seed, t, e) alone.
Weights init_weights(const ModelConfig& config, uint64_t seed);

}  // namespace thespis::model
