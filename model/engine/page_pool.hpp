#pragma once
// Which pages of keys and values are held, by how many, and an index of full prompt pages. Knows no
// memory: pages are numbers.
//   KV-1  A page in the index holds exactly its key's tokens after exactly its parent's, computed
//         under the policy since the last forget_prefixes(). Nothing writes to it while it is
//         there.
//   KV-2  A page is freed when its last holder lets go, and leaves the index then.

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "gpu/ops.hpp"

namespace thespis::model {

constexpr uint32_t pages_for(uint32_t tokens) {
  return gpu::round_up(tokens, gpu::kPageTokens) / gpu::kPageTokens;
}

class PagePool {
 public:
  explicit PagePool(uint32_t page_count);

  uint32_t free_count() const { return static_cast<uint32_t>(free_.size()); }
  /// A page with one holder. The owner keeps free_count() above 0.
  uint32_t acquire();
  void retain(uint32_t page) { ++holders_[page]; }
  void release(uint32_t page);

  /// Pages for a sequence's first tokens.
  struct Claim {
    std::vector<uint32_t> pages;
    uint32_t stored = 0;  ///< Tokens at the front whose pages others fill, or have filled.
    uint32_t wave = 0;    ///< Compute after the waves of this step that fill them.
  };
  /// Shared pages where the same prefix is held already, new ones for the rest; the page of the
  /// last token is never shared, for its row is computed by the claimant. Full pages of the first
  /// `shareable` tokens enter the index. `acquire_page` gives the new ones, with one holder each.
  template <class AcquirePage>
  Claim claim(std::span<const int32_t> tokens, size_t shareable, const AcquirePage& acquire_page) {
    Claim claim = claim_shared(tokens.first(std::min(shareable, tokens.size())), tokens.size());
    uint32_t parent = claim.pages.empty() ? kRoot : claim.pages.back();
    while (claim.pages.size() < pages_for(static_cast<uint32_t>(tokens.size()))) {
      const size_t first = claim.pages.size() * gpu::kPageTokens;
      const uint32_t page = acquire_page();
      claim.pages.push_back(page);
      if (first + gpu::kPageTokens > shareable) continue;
      publish(page, parent, tokens.subspan(first, gpu::kPageTokens));
      fresh_wave_[page] = claim.wave + 1;
      fresh_.push_back(page);
      parent = page;
    }
    return claim;
  }
  /// The step is over: what it filled is filled.
  void end_step();
  /// New weights: what is held stays, but nothing new shares it.
  void forget_prefixes();

  static constexpr uint32_t kRoot = UINT32_MAX;
  /// The page that holds these kPageTokens tokens after those of page `parent` (kRoot: none).
  std::optional<uint32_t> find(uint32_t parent, std::span<const int32_t> tokens) const;
  void publish(uint32_t page, uint32_t parent, std::span<const int32_t> tokens);

 private:
  struct Prefix {
    uint32_t parent;
    std::array<int32_t, gpu::kPageTokens> tokens;
    auto operator<=>(const Prefix&) const = default;
  };
  static Prefix prefix(uint32_t parent, std::span<const int32_t> tokens);
  Claim claim_shared(std::span<const int32_t> tokens, size_t size);
  std::vector<uint32_t> free_;
  std::vector<uint32_t> holders_;
  std::map<Prefix, uint32_t> index_;
  std::vector<std::optional<Prefix>> published_;  // By page.
  std::vector<uint32_t>
      fresh_wave_;               // By page: the wave of this step that fills it; 0 = is filled.
  std::vector<uint32_t> fresh_;  // The pages that this step fills.
};

}  // namespace thespis::model
