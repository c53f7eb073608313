#pragma once
// Lanes of gradients, some on each rank, go to the owners of the arena's ranges: what a rank gets
// is its range of every lane, in the lanes' order.

#include <span>
#include <string>
#include <vector>

#include "model/engine/shards.hpp"
#include "model/engine/weights.hpp"

namespace thespis::model {

/// Lanes [first, last) of `lane_count` are rank `rank`'s.
struct LaneBlock {
  size_t first;
  size_t last;
  size_t size() const { return last - first; }
  static LaneBlock of(size_t lane_count, uint32_t ranks, uint32_t rank) {
    return {lane_count * rank / ranks, lane_count * (rank + 1) / ranks};
  }
};

/// The rank that computes each item, where micro-batches [first[b], first[b + 1]) have lanes b,
/// b + 1, ... in blocks of the ranks.
void assign_items(std::span<const size_t> first, size_t lane_count, uint32_t ranks,
                  std::vector<uint32_t>& item_ranks);

class LaneExchange {
 public:
  /// Both outlive this.
  LaneExchange(const Shards& shards, collective::Communicator& ranks)
      : shards_(shards), ranks_(ranks) {}

  /// `own`: this rank's lanes, each from element `within.begin` of the arena to `within.end`.
  /// Returns all lanes from the first element of this rank's range in there; valid as long as `own`
  /// and until the next call.
  std::vector<float*> run(size_t lane_count, std::span<float* const> own,
                          const Shards::Range& within, const std::string& what);

 private:
  const Shards& shards_;
  collective::Communicator& ranks_;
  std::vector<FloatArena> received_;  // Others' lanes.
};

}  // namespace thespis::model
