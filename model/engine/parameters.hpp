#pragma once
// What a walk reads and adds to: weights by their place in the arena, wherever they lie at the
// moment. A policy has all of them; a rank that keeps only its range has those of one segment.

#include <cstdint>
#include <vector>

#include "model/engine/packed_weights.hpp"
#include "model/engine/policy.hpp"
#include "runtime/base/assert.hpp"

namespace thespis::model {

/// Where offsets of the arena lie in memory: all in one place, or piece by piece.
class ArenaMap {
 public:
  ArenaMap() = default;
  explicit ArenaMap(float* whole) { add(0, UINT64_MAX, whole); }
  void clear() { pieces_.clear(); }
  void add(uint64_t begin, uint64_t end, float* data) { pieces_.push_back({begin, end, data}); }
  /// The element at `offset` and those behind it, to the end of its piece.
  float* at(uint64_t offset) const {
    for (const Piece& piece : pieces_)
      if (piece.begin <= offset && offset < piece.end) return piece.data + (offset - piece.begin);
    THESPIS_ASSERT(false);
    return nullptr;
  }

 private:
  struct Piece {
    uint64_t begin, end;
    float* data;
  };
  std::vector<Piece> pieces_;  // A segment has three at most.
};

class Parameters {
 public:
  virtual ~Parameters() = default;
  /// The weights of a tensor or a matrix that begins at `offset` of the arena.
  virtual const float* weight(uint64_t offset) const = 0;
  virtual const float* forward_panels(uint32_t matrix) const = 0;
  virtual const float* backward_panels(uint32_t matrix) const = 0;
};

class PolicyParameters final : public Parameters {
 public:
  explicit PolicyParameters(const Policy& policy) : policy_(policy) {}
  const float* weight(uint64_t offset) const override { return policy_.at(offset); }
  const float* forward_panels(uint32_t matrix) const override {
    return policy_.packed().forward(matrix);
  }
  const float* backward_panels(uint32_t matrix) const override {
    return policy_.packed().backward(matrix);
  }

 private:
  const Policy& policy_;
};

}  // namespace thespis::model
