#pragma once
// The arena cut into units: tensors that lie side by side and are used by the same segments of a
// plan. What ranks that share the weights bring together at a time.

#include <cstdint>
#include <vector>

#include "model/engine/plan.hpp"
#include "model/engine/shards.hpp"

namespace thespis::model {

struct WeightUnit {
  Shards::Range range;
  uint32_t first_segment;  ///< That uses it: walking backwards, its gradient is whole after that.
  uint32_t last_segment;
};

class WeightUnits {
 public:
  WeightUnits(const Plan& plan, const WeightLayout& layout);

  const std::vector<WeightUnit>& units() const { return units_; }
  /// Which units a segment uses; none where it has no weights.
  const std::vector<uint32_t>& of_segment(uint32_t segment) const { return by_segment_[segment]; }

 private:
  std::vector<WeightUnit> units_;
  std::vector<std::vector<uint32_t>> by_segment_;
};

}  // namespace thespis::model
