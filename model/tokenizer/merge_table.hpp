#pragma once
// The merges of a byte-pair encoding: a flat hash table from a pair of token ids to its rank and to
// the token that it becomes.

#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

namespace thespis::model {

struct Merge {
  static constexpr uint32_t kNever = std::numeric_limits<uint32_t>::max();
  uint32_t rank = kNever;  ///< Lower goes first; kNever: the pair does not merge.
  int32_t id = -1;
};

class MergeTable {
 public:
  /// The next merge in rank. The same pair again takes the later rank, as in Hugging Face's.
  void add(int32_t left, int32_t right, int32_t whole);
  void reserve(size_t merges);

  Merge find(int32_t left, int32_t right) const {
    if (slots_.empty()) return {};
    const uint64_t key = key_of(left, right);
    for (size_t i = index_of(key);; i = (i + 1) & (slots_.size() - 1)) {
      if (slots_[i].key == key) return slots_[i].merge;
      if (slots_[i].key == kEmpty) return {};
    }
  }

  /// The pairs by rank.
  const std::vector<std::pair<int32_t, int32_t>>& pairs() const { return pairs_; }

 private:
  static constexpr uint64_t kEmpty = std::numeric_limits<uint64_t>::max();
  struct Slot {
    uint64_t key = kEmpty;
    Merge merge;
  };
  static uint64_t key_of(int32_t left, int32_t right) {
    return uint64_t{static_cast<uint32_t>(left)} << 32 | static_cast<uint32_t>(right);
  }
  size_t index_of(uint64_t key) const {
    // Fibonacci hashing: both ids reach the upper bits.
    return ((key ^ key >> 29) * 0x9e3779b97f4a7c15u >> 20) & (slots_.size() - 1);
  }

  std::vector<Slot> slots_;  // A power of two, at most half of them taken.
  std::vector<std::pair<int32_t, int32_t>> pairs_;
};

}  // namespace thespis::model
