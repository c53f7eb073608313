#include "model/tokenizer/token_table.hpp"

#include <xxhash.h>

#include <bit>

namespace thespis::model {
namespace {

uint64_t hash_of(std::string_view text) {
  return XXH3_64bits(text.data(), text.size());
}

}  // namespace

void TokenTable::reserve(size_t tokens) {
  const size_t wanted = std::bit_ceil(2 * (taken_ + tokens) + 2);
  if (wanted <= slots_.size()) return;
  std::vector<Slot> old(wanted);
  old.swap(slots_);
  for (const Slot& slot : old)
    if (slot.id >= 0) *slot_of(text(slot.id), hash_of(text(slot.id))) = slot;
}

TokenTable::Slot* TokenTable::slot_of(std::string_view text, uint64_t hash) {
  const size_t mask = slots_.size() - 1;
  const auto tag = static_cast<uint32_t>(hash >> 32);
  for (size_t i = hash & mask;; i = (i + 1) & mask) {
    Slot& slot = slots_[i];
    if (slot.id < 0 || (slot.tag == tag && this->text(slot.id) == text)) return &slot;
  }
}

void TokenTable::add(std::string_view text, int32_t id) {
  if (slots_.size() < 2 * (taken_ + 1)) reserve(taken_ + 1);
  const uint64_t hash = hash_of(text);
  Slot* slot = slot_of(text, hash);
  taken_ += slot->id < 0;
  *slot = {static_cast<uint32_t>(hash >> 32), id};
  const auto index = static_cast<size_t>(id);
  if (index >= spans_.size()) spans_.resize(index + 1);
  const auto begin = static_cast<uint32_t>(texts_.size());
  texts_ += text;
  spans_[index] = {begin, static_cast<uint32_t>(texts_.size()), true};
}

int32_t TokenTable::find(std::string_view text) const {
  if (slots_.empty()) return -1;
  const uint64_t hash = hash_of(text);
  const size_t mask = slots_.size() - 1;
  const auto tag = static_cast<uint32_t>(hash >> 32);
  for (size_t i = hash & mask;; i = (i + 1) & mask) {
    const Slot& slot = slots_[i];
    if (slot.id < 0) return -1;
    if (slot.tag == tag && this->text(slot.id) == text) return slot.id;
  }
}

bool TokenTable::has(int32_t id) const {
  return id >= 0 && static_cast<size_t>(id) < spans_.size() &&
         spans_[static_cast<size_t>(id)].exists;
}

std::string_view TokenTable::text(int32_t id) const {
  if (!has(id)) return {};
  const Span& span = spans_[static_cast<size_t>(id)];
  return std::string_view(texts_).substr(span.begin, span.end - span.begin);
}

}  // namespace thespis::model
