#pragma once
// How ranks share a model's arena: each owns one contiguous range of it, with the gradients'
// sums, the moments and, where weights are shared too, the weights of that range.

#include <cstdint>
#include <vector>

#include "model/engine/model_config.hpp"
#include "runtime/collective/communicator.hpp"

namespace thespis::model {

class Shards {
 public:
  struct Range {
    uint64_t begin = 0;  ///< In floats from the arena's start; a multiple of 16.
    uint64_t end = 0;
    uint64_t size() const { return end - begin; }
    Range operator&(const Range& other) const;  ///< What both have; empty where nothing.
    bool operator==(const Range&) const = default;
  };

  /// Ranges as equal as cuts allow: at tensors, and inside a tensor at multiples of a device's tile
  /// (gpu::on_device::kTileSize) from its start. In a small model some may be empty.
  static Shards of(const WeightLayout& layout, uint32_t ranks);

  uint32_t ranks() const { return static_cast<uint32_t>(ranges_.size()); }
  const Range& of_rank(uint32_t rank) const { return ranges_[rank]; }
  /// The ranges in bytes, less what lies outside [within.begin, within.end), counted from
  /// within.begin: what Communicator::all_gather() takes for that piece of an arena.
  std::vector<collective::ByteRange> bytes(const Range& within) const;

 private:
  std::vector<Range> ranges_;
};

}  // namespace thespis::model
