// Decodes UTF-8 strictly (RFC 3629: no overlong forms, no surrogates).

#include "tasks/code/escape.hpp"

#include <algorithm>
#include <cstdint>
#include <iterator>

#include <fmt/format.h>

namespace thespis::tasks {
namespace {

struct Decoded {
  char32_t code = 0;
  size_t size = 0;  ///< 0: the byte is no beginning of a character.
};

Decoded decode(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  const size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < size) return {};
  char32_t code = lead & (0x7f >> size);
  for (size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {};
    code = (code << 6) | (byte(i) & 0x3f);
  }
  constexpr char32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  if (code < kLeast[size] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return {};
  return {code, size};
}

struct Span {
  char32_t first, last;
};

/// Characters that show nothing of themselves but change how others look (Unicode categories Cf,
/// Zl, Zp, Co, Cn in short).
constexpr Span kHidden[] = {
    {0x80, 0x9f},       {0xad, 0xad},       {0x34f, 0x34f},     {0x600, 0x605},
    {0x61c, 0x61c},     {0x6dd, 0x6dd},     {0x70f, 0x70f},     {0x115f, 0x1160},
    {0x17b4, 0x17b5},   {0x180b, 0x180f},   {0x200b, 0x200f},   {0x2028, 0x202e},
    {0x2060, 0x206f},   {0x3164, 0x3164},   {0xe000, 0xf8ff},   {0xfe00, 0xfe0f},
    {0xfeff, 0xfeff},   {0xffa0, 0xffa0},   {0xfff0, 0xfffb},   {0xfffe, 0xffff},
    {0x13430, 0x1345f}, {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0xe0000, 0x10ffff}};

bool is_hidden(char32_t code) {
  const auto holds = [code](const Span& s) { return code >= s.first && code <= s.last; };
  return std::any_of(std::begin(kHidden), std::end(kHidden), holds);
}

}  // namespace

std::string escaped(std::string_view text, size_t bytes_max, bool keep_lines) {
  std::string out;
  while (!text.empty()) {
    if (out.size() >= bytes_max) return out + fmt::format("... ({} bytes more)", text.size());
    const Decoded c = decode(text);
    const size_t size = std::max<size_t>(c.size, 1);
    const auto byte = static_cast<uint8_t>(text[0]);
    if (c.size == 0 || (c.size == 1 && (c.code < 0x20 || c.code == 0x7f))) {
      if (keep_lines && byte == '\n')
        out += '\n';
      else if (byte == '\t' && keep_lines)
        out += '\t';
      else if (byte == '\n')
        out += "\\n";
      else
        out += fmt::format("\\x{:02x}", byte);
    } else if (is_hidden(c.code)) {
      out += fmt::format("\\u{{{:x}}}", static_cast<uint32_t>(c.code));
    } else {
      out += text.substr(0, size);
    }
    text.remove_prefix(size);
  }
  return out;
}

}  // namespace thespis::tasks
