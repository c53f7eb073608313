#include "model/engine/kv_store.hpp"

#include <algorithm>
#include <cstring>
#include <new>

#include "runtime/base/assert.hpp"

namespace thespis::model {

KvStore::KvStore(const gpu::AttendShape& shape, uint32_t layer_count, uint32_t page_count)
    : page_floats_(shape.page_floats()),
      layer_stride_(page_floats_ * page_count),
      layer_count_(layer_count),
      pages_(
          static_cast<float*>(std::aligned_alloc(64, layer_stride_ * layer_count * sizeof(float)))),
      holders_(page_count, 0),
      published_(page_count) {
  if (pages_ == nullptr) throw std::bad_alloc();
  for (uint32_t page = page_count; page-- > 0;) free_.push_back(page);
}

uint32_t KvStore::acquire() {
  THESPIS_ASSERT(!free_.empty());
  const uint32_t page = free_.back();
  free_.pop_back();
  holders_[page] = 1;
  for (uint32_t layer = 0; layer < layer_count_; ++layer)
    std::memset(pages_.get() + layer * layer_stride_ + page * page_floats_, 0,
                page_floats_ * sizeof(float));
  return page;
}

void KvStore::release(uint32_t page) {
  THESPIS_ASSERT(holders_[page] > 0);
  if (--holders_[page] > 0) return;
  if (published_[page].has_value()) {
    index_.erase(*published_[page]);
    published_[page].reset();
  }
  free_.push_back(page);
}

KvStore::Prefix KvStore::prefix(uint32_t parent, std::span<const int32_t> tokens) {
  THESPIS_ASSERT(tokens.size() == gpu::kPageTokens);
  Prefix p{parent, {}};
  std::copy(tokens.begin(), tokens.end(), p.tokens.begin());
  return p;
}

std::optional<uint32_t> KvStore::find(uint32_t parent, std::span<const int32_t> tokens) const {
  const auto found = index_.find(prefix(parent, tokens));
  if (found == index_.end()) return std::nullopt;
  return found->second;
}

void KvStore::publish(uint32_t page, uint32_t parent, std::span<const int32_t> tokens) {
  const Prefix key = prefix(parent, tokens);
  if (index_.emplace(key, page).second) published_[page] = key;
}

void KvStore::forget_prefixes() {
  index_.clear();
  std::fill(published_.begin(), published_.end(), std::nullopt);
}

}  // namespace thespis::model
