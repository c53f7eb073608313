#include "model/tokenizer/added_tokens.hpp"

#include "runtime/base/assert.hpp"

namespace thespis::model {
namespace {

uint64_t child_key(uint32_t node, char byte) {
  return uint64_t{node} << 8 | static_cast<uint8_t>(byte);
}

}  // namespace

void AddedTokens::add(std::string_view text, int32_t id) {
  THESPIS_ASSERT(!text.empty());
  uint32_t node = 0;
  for (const char byte : text) {
    const auto fresh = static_cast<uint32_t>(node_ids_.size());
    const auto [child, inserted] = node_children_.emplace(child_key(node, byte), fresh);
    if (inserted) node_ids_.push_back(-1);
    node = child->second;
  }
  node_ids_[node] = id;
}

AddedTokens::Match AddedTokens::longest_at(std::string_view text, size_t position) const {
  Match match;
  uint32_t node = 0;
  for (size_t end = position; end < text.size();) {
    const auto child = node_children_.find(child_key(node, text[end]));
    if (child == node_children_.end()) break;
    node = child->second;
    ++end;
    if (node_ids_[node] >= 0) match = {node_ids_[node], end - position};
  }
  return match;
}

void AddedTokens::split(std::string_view text, const std::function<void(std::string_view)>& on_text,
                        const std::function<void(int32_t)>& on_token) const {
  size_t begin = 0, position = 0;
  while (position < text.size()) {
    const Match match = longest_at(text, position);
    if (match.id < 0) {
      ++position;
      continue;
    }
    if (position > begin) on_text(text.substr(begin, position - begin));
    on_token(match.id);
    begin = position += match.length;
  }
  if (begin < text.size()) on_text(text.substr(begin));
}

}  // namespace thespis::model
