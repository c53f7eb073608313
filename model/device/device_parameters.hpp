#pragma once
// Where a walk of a plan on a device finds weights and leaves gradients, by offsets of the arena:
// all of them in one place, or, segment by segment, what ranks that share the weights bring
// together (device_layers.hpp).

#include "model/device/device_model.hpp"

namespace thespis::model {

class DeviceParameters {
 public:
  enum class Way : uint8_t { kForward, kBackward };
  virtual ~DeviceParameters() = default;
  /// The weights of a tensor or a matrix of the segment that was entered.
  virtual const gpu::Bf16* weight(uint64_t offset) const = 0;
  /// Its gradient, to which is added; after enter(segment, kBackward).
  virtual float* gradient(uint64_t offset) const = 0;
  /// False: a matrix's gradient takes the place of what is there.
  virtual bool adds() const { return true; }
  /// Before the work of a segment is enqueued, and after it. A walk goes through all segments but
  /// the last forward, then through all of them backward.
  virtual void enter(uint32_t, Way) {}
  virtual void leave(uint32_t, Way) {}
};

class WholeParameters final : public DeviceParameters {
 public:
  /// `adds`: of the first walk.
  explicit WholeParameters(const DeviceWeights& weights, float* gradients = nullptr,
                           bool adds = true)
      : weights_(weights), gradients_(gradients), adds_(adds) {}
  const gpu::Bf16* weight(uint64_t offset) const override { return weights_.at(offset); }
  float* gradient(uint64_t offset) const override { return gradients_ + offset; }
  bool adds() const override { return adds_; }
  void leave(uint32_t segment, Way way) override {
    if (segment == 0 && way == Way::kBackward) adds_ = true;
  }

 private:
  const DeviceWeights& weights_;
  float* const gradients_;
  bool adds_;
};

}  // namespace thespis::model
