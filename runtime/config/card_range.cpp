#include "runtime/config/card_range.hpp"

#include <charconv>

namespace thespis::config {
namespace {

constexpr uint32_t kCardMax = 999;

std::optional<uint32_t> number(std::string_view text) {
  uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value > kCardMax)
    return std::nullopt;
  return value;
}

}  // namespace

std::optional<CardRange> card_range(std::string_view text) {
  constexpr std::string_view kCuda = "cuda", kCard = "cuda:";
  if (text == kCuda) return CardRange{};
  if (!text.starts_with(kCard)) return std::nullopt;
  text.remove_prefix(kCard.size());
  const auto dash = text.find('-');
  const auto first = number(text.substr(0, dash));
  const auto last = dash == text.npos ? first : number(text.substr(dash + 1));
  if (!first || !last || *last < *first) return std::nullopt;
  return CardRange{*first, *last};
}

}  // namespace thespis::config
