#include "model/engine/shards.hpp"

#include <algorithm>

#include "gpu/device.hpp"
#include "runtime/base/assert.hpp"

namespace thespis::model {

Shards::Range Shards::Range::operator&(const Range& other) const {
  const uint64_t from = std::max(begin, other.begin);
  return {from, std::max(from, std::min(end, other.end))};
}

Shards Shards::of(const WeightLayout& layout, uint32_t ranks) {
  THESPIS_ASSERT(ranks > 0);
  std::vector<uint64_t> cuts;
  for (const TensorSpec& tensor : layout.tensors)
    for (uint64_t at = 0; at < tensor.size(); at += gpu::on_device::kTileSize)
      cuts.push_back(tensor.offset + at);
  cuts.push_back(layout.size);
  Shards shards;
  uint64_t begin = 0;
  for (uint64_t r = 1; r <= ranks; ++r) {
    const uint64_t ideal = layout.size / ranks * r + layout.size % ranks * r / ranks;
    auto cut = std::lower_bound(cuts.begin(), cuts.end(), ideal);
    if (cut != cuts.begin() && ideal - *(cut - 1) < *cut - ideal) --cut;
    shards.ranges_.push_back({begin, r == ranks ? layout.size : std::max(begin, *cut)});
    begin = shards.ranges_.back().end;
  }
  return shards;
}

std::vector<collective::ByteRange> Shards::bytes(const Range& within) const {
  std::vector<collective::ByteRange> all;
  for (const Range& range : ranges_) {
    const Range part = range & within;
    if (part.size() == 0)
      all.push_back({});
    else
      all.push_back(
          {(part.begin - within.begin) * sizeof(float), (part.end - within.begin) * sizeof(float)});
  }
  return all;
}

}  // namespace thespis::model
