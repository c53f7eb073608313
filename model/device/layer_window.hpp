#pragma once
// Which units' weights and gradients a walk has at a time where ranks share them, and in which of
// few buffers: the weights of a segment and of the next one that has some, the gradients of units
// that are not whole yet. Knows no memory: buffers are numbers.
//   LW-1  All walks take the same buffers, whose sizes are known beforehand.

#include <cstdint>
#include <map>
#include <vector>

#include "model/device/device_parameters.hpp"
#include "model/engine/weight_units.hpp"

namespace thespis::model {

class LayerWindow {
 public:
  using Way = DeviceParameters::Way;
  /// A unit, and where its weights or gradients are.
  struct Place {
    uint32_t unit, buffer;
  };

  explicit LayerWindow(const Plan& plan);

  /// All segments but the last forward, then all of them backward: f(segment, way).
  template <class F>
  void walk(const F& f) const {
    const auto last = static_cast<uint32_t>(segment_count_ - 1);
    for (uint32_t s = 0; s < last; ++s) f(s, Way::kForward);
    for (uint32_t s = last + 1; s-- > 0;) f(s, Way::kBackward);
  }

  struct Entered {
    std::vector<Place>
        fetched;               ///< Weights that have to come: this segment's, then the next one's.
    std::vector<Place> begun;  ///< Gradients that begin at 0.
  };
  /// Before the work of a segment, in the order of walk().
  Entered enter(uint32_t segment, Way way);
  struct Left {
    std::vector<Place> weights;    ///< No longer needed.
    std::vector<Place> gradients;  ///< Whole.
  };
  /// After it. The buffers of what it returns may be taken next.
  Left leave(uint32_t segment, Way way);

  const WeightUnits& units() const { return units_; }
  /// The buffer of a unit that was entered.
  uint32_t weights_of(uint32_t unit) const { return weights_.places.at(unit); }
  /// The unit that has weights or gradients here and holds this offset of the arena.
  Place weights_at(uint64_t offset) const { return at(weights_, offset); }
  Place gradients_at(uint64_t offset) const { return at(gradients_, offset); }
  /// Elements of each buffer.
  const std::vector<uint64_t>& weight_sizes() const { return weights_.sizes; }
  const std::vector<uint64_t>& gradient_sizes() const { return gradients_.sizes; }

 private:
  struct Buffers {
    std::vector<uint64_t> sizes;
    std::vector<uint32_t> idle;
    std::map<uint32_t, uint32_t> places;  // Of units.
    Place take(uint32_t unit, uint64_t size);
    Place give_back(uint32_t unit);
  };
  void fetch(uint32_t segment, std::vector<Place>& fetched);
  Place at(const Buffers& buffers, uint64_t offset) const;

  const WeightUnits units_;
  const size_t segment_count_;
  Buffers weights_, gradients_;
};

}  // namespace thespis::model
