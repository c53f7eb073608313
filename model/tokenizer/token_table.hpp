#pragma once
// Token texts by id, and ids by text: a flat hash table over one string that holds all texts, for a
// lookup that costs one or two cache misses.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace thespis::model {

class TokenTable {
 public:
  /// Adds a token; the id is not negative. The same text again gets the new id.
  void add(std::string_view text, int32_t id);
  /// Room for so many more tokens.
  void reserve(size_t tokens);

  /// -1: no such token.
  int32_t find(std::string_view text) const;
  bool has(int32_t id) const;
  /// Empty for an id without token.
  std::string_view text(int32_t id) const;
  /// Largest id + 1: ids may leave holes.
  size_t size() const { return spans_.size(); }

 private:
  struct Span {
    uint32_t begin = 0, end = 0;
    bool exists = false;
  };
  struct Slot {
    uint32_t tag = 0;
    int32_t id = -1;
  };
  Slot* slot_of(std::string_view text, uint64_t hash);

  std::string texts_;
  std::vector<Span> spans_;  // By id.
  std::vector<Slot> slots_;  // A power of two, at most half of them taken.
  size_t taken_ = 0;
};

}  // namespace thespis::model
