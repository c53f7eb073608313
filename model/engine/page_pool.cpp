#include "model/engine/page_pool.hpp"

#include <algorithm>

#include "runtime/base/assert.hpp"

namespace thespis::model {

PagePool::PagePool(uint32_t page_count)
    : holders_(page_count, 0), published_(page_count), fresh_wave_(page_count, 0) {
  for (uint32_t page = page_count; page-- > 0;) free_.push_back(page);
}

uint32_t PagePool::acquire() {
  THESPIS_ASSERT(!free_.empty());
  const uint32_t page = free_.back();
  free_.pop_back();
  holders_[page] = 1;
  return page;
}

void PagePool::release(uint32_t page) {
  THESPIS_ASSERT(holders_[page] > 0);
  if (--holders_[page] > 0) return;
  if (published_[page].has_value()) {
    index_.erase(*published_[page]);
    published_[page].reset();
  }
  free_.push_back(page);
}

PagePool::Claim PagePool::claim_shared(std::span<const int32_t> tokens, size_t size) {
  Claim claim;
  uint32_t parent = kRoot;
  for (size_t i = 0; i < (size - 1) / gpu::kPageTokens; ++i) {
    if ((i + 1) * gpu::kPageTokens > tokens.size()) break;
    const auto found = find(parent, tokens.subspan(i * gpu::kPageTokens, gpu::kPageTokens));
    if (!found.has_value()) break;
    retain(*found);
    claim.pages.push_back(*found);
    claim.wave = std::max(claim.wave, fresh_wave_[*found]);
    parent = *found;
  }
  claim.stored = static_cast<uint32_t>(claim.pages.size()) * gpu::kPageTokens;
  return claim;
}

PagePool::Prefix PagePool::prefix(uint32_t parent, std::span<const int32_t> tokens) {
  THESPIS_ASSERT(tokens.size() == gpu::kPageTokens);
  Prefix p{parent, {}};
  std::copy(tokens.begin(), tokens.end(), p.tokens.begin());
  return p;
}

std::optional<uint32_t> PagePool::find(uint32_t parent, std::span<const int32_t> tokens) const {
  const auto found = index_.find(prefix(parent, tokens));
  if (found == index_.end()) return std::nullopt;
  return found->second;
}

void PagePool::publish(uint32_t page, uint32_t parent, std::span<const int32_t> tokens) {
  const Prefix key = prefix(parent, tokens);
  if (index_.emplace(key, page).second) published_[page] = key;
}

void PagePool::end_step() {
  for (const uint32_t page : fresh_) fresh_wave_[page] = 0;
  fresh_.clear();
}

void PagePool::forget_prefixes() {
  index_.clear();
  std::fill(published_.begin(), published_.end(), std::nullopt);
}

}  // namespace thespis::model
