#pragma once
// How a recipe names cards.

#include <cstdint>
#include <optional>
#include <string_view>

namespace thespis::config {

/// Cards first ... last of a host.
struct CardRange {
  uint32_t first = 0;
  uint32_t last = 0;
  uint32_t size() const { return last - first + 1; }
  bool contains(uint32_t card) const { return card >= first && card <= last; }
};

/// "cuda" is card 0, "cuda:2" one card, "cuda:2-5" four; none where it is anything else.
std::optional<CardRange> card_range(std::string_view text);

}  // namespace thespis::config
