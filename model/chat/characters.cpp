// Categories and case come from utf8proc.

#include "model/chat/characters.hpp"

#include <utf8proc.h>

#include <cstring>

namespace thespis::model::chat {
namespace {

constexpr char32_t kSharpS = 0xDF, kSigma = 0x3A3, kFinalSigma = 0x3C2;

bool is_continuation(char c) {
  return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

utf8proc_category_t category(char32_t c) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(c));
}

char32_t lower(char32_t c) {
  return static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c)));
}

bool is_cased(char32_t c) {
  const auto kind = category(c);
  return kind == UTF8PROC_CATEGORY_LU || kind == UTF8PROC_CATEGORY_LL ||
         kind == UTF8PROC_CATEGORY_LT;
}

/// The lower form of `c` with `before` and `after` it.
char32_t lower_within(char32_t c, std::string_view before, std::string_view after) {
  if (c != kSigma) return lower(c);
  const bool follows = !before.empty() && is_cased(take_last_character(before));
  const bool ends = after.empty() || !is_cased(take_character(after));
  return follows && ends ? kFinalSigma : lower(c);
}

void append_upper(std::string& out, char32_t c, bool title) {
  if (c == kSharpS) {
    out += title ? "Ss" : "SS";
    return;
  }
  const auto code = static_cast<utf8proc_int32_t>(c);
  append_character(out,
                   static_cast<char32_t>(title ? utf8proc_totitle(code) : utf8proc_toupper(code)));
}

bool holds(std::string_view set, char32_t c) {
  while (!set.empty())
    if (take_character(set) == c) return true;
  return false;
}

template <class Rule>
std::string_view strip_if(std::string_view text, Ends ends, const Rule& goes) {
  while (ends != Ends::kRight && !text.empty()) {
    std::string_view rest = text;
    if (!goes(take_character(rest))) break;
    text = rest;
  }
  while (ends != Ends::kLeft && !text.empty()) {
    std::string_view rest = text;
    if (!goes(take_last_character(rest))) break;
    text = rest;
  }
  return text;
}

}  // namespace

char32_t take_character(std::string_view& text) {
  const auto first = static_cast<unsigned char>(text.front());
  size_t length = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  length = std::min(length, text.size());
  char32_t c = length == 1 ? first : first & (0xFFu >> (length + 1));
  for (size_t i = 1; i < length; ++i) c = c << 6 | (static_cast<unsigned char>(text[i]) & 0x3Fu);
  text.remove_prefix(length);
  return c;
}

char32_t take_last_character(std::string_view& text) {
  size_t begin = text.size() - 1;
  while (begin > 0 && is_continuation(text[begin])) --begin;
  std::string_view last = text.substr(begin);
  text.remove_suffix(text.size() - begin);
  return take_character(last);
}

void append_character(std::string& text, char32_t c) {
  if (c < 0x80) {
    text += static_cast<char>(c);
    return;
  }
  const int more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
  constexpr unsigned kFirst[] = {0, 0xC0, 0xE0, 0xF0};
  text += static_cast<char>(kFirst[more] | (c >> (6 * more)));
  for (int i = more - 1; i >= 0; --i) text += static_cast<char>(0x80u | ((c >> (6 * i)) & 0x3Fu));
}

size_t character_count(std::string_view text) {
  size_t count = 0;
  for (const char c : text) count += !is_continuation(c);
  return count;
}

size_t bytes_of(std::string_view text, size_t count) {
  for (size_t i = 0; i < text.size(); ++i)
    if (!is_continuation(text[i]) && count-- == 0) return i;
  return text.size();
}

bool is_space(char32_t c) {
  return (c >= 9 && c <= 13) || (c >= 28 && c <= 32) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F ||
         c == 0x3000;
}

bool is_line_end(char32_t c) {
  return (c >= 10 && c <= 13) || (c >= 28 && c <= 30) || c == 0x85 || c == 0x2028 || c == 0x2029;
}

bool is_printable(char32_t c) {
  if (c < 0x7F) return c >= 0x20;
  switch (category(c)) {
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
      return false;
    default:
      return true;
  }
}

bool is_letter(char32_t c) {
  const auto kind = category(c);
  return is_cased(c) || kind == UTF8PROC_CATEGORY_LM || kind == UTF8PROC_CATEGORY_LO;
}

bool is_digit(char32_t c) {
  return category(c) == UTF8PROC_CATEGORY_ND;
}

bool is_numeric(char32_t c) {
  const auto kind = category(c);
  return is_digit(c) || kind == UTF8PROC_CATEGORY_NL || kind == UTF8PROC_CATEGORY_NO;
}

bool is_upper(char32_t c) {
  return category(c) == UTF8PROC_CATEGORY_LU;
}

bool is_lower(char32_t c) {
  return category(c) == UTF8PROC_CATEGORY_LL;
}

std::string to_upper(std::string_view text) {
  std::string out;
  while (!text.empty()) append_upper(out, take_character(text), false);
  return out;
}

std::string to_lower(std::string_view text) {
  std::string out;
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::string_view before = text.substr(0, text.size() - rest.size());
    const char32_t c = take_character(rest);
    append_character(out, lower_within(c, before, rest));
  }
  return out;
}

std::string to_title(std::string_view text) {
  std::string out;
  std::string_view rest = text;
  bool within = false;
  while (!rest.empty()) {
    const std::string_view before = text.substr(0, text.size() - rest.size());
    const char32_t c = take_character(rest);
    if (within)
      append_character(out, lower_within(c, before, rest));
    else
      append_upper(out, c, true);
    within = is_cased(c);
  }
  return out;
}

std::string capitalized(std::string_view text) {
  std::string out;
  if (text.empty()) return out;
  std::string_view rest = text;
  append_upper(out, take_character(rest), true);
  return out + to_lower(text).substr(text.size() - rest.size());
}

std::string_view strip(std::string_view text, Ends ends) {
  return strip_if(text, ends, is_space);
}

std::string_view strip(std::string_view text, Ends ends, std::string_view set) {
  return strip_if(text, ends, [set](char32_t c) { return holds(set, c); });
}

size_t find_part(std::string_view text, std::string_view part, size_t from) {
  if (from > text.size()) return text.npos;
  if (part.empty()) return from;
  const void* found = ::memmem(text.data() + from, text.size() - from, part.data(), part.size());
  if (found == nullptr) return text.npos;
  return static_cast<size_t>(static_cast<const char*>(found) - text.data());
}

}  // namespace thespis::model::chat
