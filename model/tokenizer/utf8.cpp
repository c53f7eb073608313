#include "model/tokenizer/utf8.hpp"

#include <cstring>

namespace thespis::model {
namespace {

/// The longest beginning of a well-formed character at a place.
struct Beginning {
  size_t size = 0;
  size_t wanted = 0;  // The character's size; 0 where its first byte begins none.
};

Beginning beginning(std::string_view text, size_t position) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[position + i]); };
  const uint8_t first = byte(0);
  if (first < 0x80) return {1, 1};
  if (first < 0xc2 || first > 0xf4) return {1, 0};
  const size_t wanted = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  // Of the second byte: overlong forms, surrogates, and what lies above U+10FFFF.
  uint8_t low = 0x80, high = 0xbf;
  if (first == 0xe0) low = 0xa0;
  if (first == 0xed) high = 0x9f;
  if (first == 0xf0) low = 0x90;
  if (first == 0xf4) high = 0x8f;
  size_t size = 1;
  while (size < wanted && position + size < text.size() && byte(size) >= low &&
         byte(size) <= high) {
    ++size;
    low = 0x80;
    high = 0xbf;
  }
  return {size, wanted};
}

}  // namespace

size_t utf8_length(std::string_view text, size_t position) {
  if (position >= text.size()) return 0;
  const Beginning b = beginning(text, position);
  return b.size == b.wanted ? b.size : 0;
}

size_t utf8_valid_prefix(std::string_view text) {
  for (size_t position = 0; position < text.size();) {
    uint64_t eight;
    if (position + sizeof eight <= text.size()) {
      std::memcpy(&eight, text.data() + position, sizeof eight);
      if ((eight & 0x8080808080808080u) == 0) {
        position += sizeof eight;
        continue;
      }
    }
    const size_t length = utf8_length(text, position);
    if (length == 0) return position;
    position += length;
  }
  return text.size();
}

uint32_t utf8_code_point(std::string_view text) {
  const size_t length = utf8_length(text, 0);
  const auto bits = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  uint32_t code = length == 1 ? bits(0) : bits(0) & (0xffu >> (length + 1));
  for (size_t i = 1; i < length; ++i) code = code << 6 | (bits(i) & 0x3fu);
  return code;
}

void append_utf8(uint32_t code, std::string& out) {
  const auto tail = [&](int shift) { out += static_cast<char>(0x80 | (code >> shift & 0x3f)); };
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xc0 | code >> 6);
    tail(0);
  } else if (code < 0x10000) {
    out += static_cast<char>(0xe0 | code >> 12);
    tail(6);
    tail(0);
  } else {
    out += static_cast<char>(0xf0 | code >> 18);
    tail(12);
    tail(6);
    tail(0);
  }
}

size_t append_utf8_lossy(std::string_view bytes, bool more, std::string& out) {
  size_t position = 0;
  while (position < bytes.size()) {
    const size_t valid = utf8_valid_prefix(bytes.substr(position));
    out.append(bytes.substr(position, valid));
    position += valid;
    if (position == bytes.size()) break;
    const Beginning b = beginning(bytes, position);
    const bool cut = b.wanted > 0 && position + b.size == bytes.size();
    if (cut && more) break;
    out += kReplacement;
    position += b.size;
  }
  return position;
}

}  // namespace thespis::model
