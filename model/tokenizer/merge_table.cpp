#include "model/tokenizer/merge_table.hpp"

#include <bit>

namespace thespis::model {

void MergeTable::reserve(size_t merges) {
  const size_t wanted = std::bit_ceil(2 * merges + 2);
  if (wanted <= slots_.size()) return;
  std::vector<Slot> old(wanted);
  old.swap(slots_);
  for (const Slot& slot : old) {
    if (slot.key == kEmpty) continue;
    size_t i = index_of(slot.key);
    while (slots_[i].key != kEmpty) i = (i + 1) & (slots_.size() - 1);
    slots_[i] = slot;
  }
}

void MergeTable::add(int32_t left, int32_t right, int32_t whole) {
  if (slots_.size() < 2 * (pairs_.size() + 1)) reserve(2 * pairs_.size() + 1);
  const uint64_t key = key_of(left, right);
  size_t i = index_of(key);
  while (slots_[i].key != kEmpty && slots_[i].key != key) i = (i + 1) & (slots_.size() - 1);
  slots_[i] = {key, {static_cast<uint32_t>(pairs_.size()), whole}};
  pairs_.emplace_back(left, right);
}

}  // namespace thespis::model
