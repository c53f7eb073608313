#include "model/tokenizer/added_tokens.hpp"

#include <utf8proc.h>

#include <algorithm>

#include "model/tokenizer/utf8.hpp"
#include "runtime/base/assert.hpp"

namespace thespis::model {
namespace {

uint64_t child_key(uint32_t node, char byte) {
  return uint64_t{node} << 8 | static_cast<uint8_t>(byte);
}

/// White_Space of Unicode: \s.
bool is_space(uint32_t code) {
  return (code >= 0x9 && code <= 0xd) || code == 0x20 || code == 0x85 || code == 0xa0 ||
         code == 0x1680 || (code >= 0x2000 && code <= 0x200a) || code == 0x2028 || code == 0x2029 ||
         code == 0x202f || code == 0x205f || code == 0x3000;
}

/// \w of Unicode (UTS 18, annex C): Alphabetic, marks, decimal digits, connectors, Join_Control.
bool is_word(uint32_t code) {
  if (code == 0x200c || code == 0x200d) return true;
  const bool circled = (code >= 0x24b6 && code <= 0x24e9) || (code >= 0x1f130 && code <= 0x1f149) ||
                       (code >= 0x1f150 && code <= 0x1f169) || (code >= 0x1f170 && code <= 0x1f189);
  if (circled) return true;  // Alphabetic, though symbols by category.
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(code))) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_PC:
      return true;
    default:
      return false;
  }
}

/// Where the last character of `text` begins.
size_t last_character(std::string_view text) {
  size_t position = text.size() - 1;
  while (position > 0 && (static_cast<uint8_t>(text[position]) & 0xc0) == 0x80) --position;
  return position;
}

bool ends_with_word(std::string_view text) {
  return !text.empty() && is_word(utf8_code_point(text.substr(last_character(text))));
}

bool starts_with_word(std::string_view text) {
  return !text.empty() && is_word(utf8_code_point(text));
}

/// Where the white space at the end of `text` begins, but not before `least`.
size_t space_at_end(std::string_view text, size_t least) {
  size_t begin = text.size();
  while (begin > least) {
    const size_t last = last_character(text.substr(0, begin));
    if (last < least || !is_space(utf8_code_point(text.substr(last)))) break;
    begin = last;
  }
  return begin;
}

size_t space_at_start(std::string_view text) {
  size_t end = 0;
  while (end < text.size() && is_space(utf8_code_point(text.substr(end))))
    end += utf8_length(text, end);
  return end;
}

}  // namespace

void AddedTokens::add(const AddedToken& token, std::string_view text) {
  THESPIS_ASSERT(!text.empty());
  uint32_t node = 0;
  for (const char byte : text) {
    const auto fresh = static_cast<uint32_t>(node_entries_.size());
    const auto [child, inserted] = node_children_.emplace(child_key(node, byte), fresh);
    if (inserted) node_entries_.push_back(-1);
    node = child->second;
  }
  node_entries_[node] = static_cast<int32_t>(entries_.size());
  entries_.push_back(token);
  first_[static_cast<uint8_t>(text[0])] = true;
}

AddedTokens::Match AddedTokens::longest_at(std::string_view text, size_t position) const {
  Match match;
  uint32_t node = 0;
  for (size_t end = position; end < text.size();) {
    const auto child = node_children_.find(child_key(node, text[end]));
    if (child == node_children_.end()) break;
    node = child->second;
    ++end;
    if (node_entries_[node] >= 0) match = {node_entries_[node], end - position};
  }
  return match;
}

void AddedTokens::find(std::string_view text, bool parse_special, std::vector<Cut>& cuts) const {
  cuts.clear();
  if (entries_.empty()) return;
  size_t done = 0;  // Where the last cut ends; more than `position` after stripping on its right.
  for (size_t position = 0; position < text.size();) {
    if (!first_[static_cast<uint8_t>(text[position])]) {
      ++position;
      continue;
    }
    const Match match = longest_at(text, position);
    if (match.entry < 0) {
      ++position;
      continue;
    }
    const AddedToken& token = entries_[static_cast<size_t>(match.entry)];
    size_t begin = position, end = position + match.length;
    position = end;  // Also where the match does not count: what it covers begins no other.
    if (token.special && !parse_special) continue;
    if (token.single_word &&
        (ends_with_word(text.substr(0, begin)) || starts_with_word(text.substr(end))))
      continue;
    if (token.lstrip)
      begin = std::max(space_at_end(text.substr(0, begin), std::min(done, begin)), done);
    if (token.rstrip) end += space_at_start(text.substr(end));
    begin = std::max(begin, done);
    cuts.push_back({std::min(begin, end), end, token.id});
    done = std::max(done, end);
  }
}

}  // namespace thespis::model
