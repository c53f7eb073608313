#include "model/tokenizer/byte_level.hpp"

#include <array>

#include "model/tokenizer/utf8.hpp"

namespace thespis::model {
namespace {

constexpr uint32_t kCodes = 324;  // The alphabet's largest character is U+0143.

struct Alphabet {
  std::array<std::string, 256> characters;
  std::array<int16_t, kCodes> bytes;  // By code point; -1: not of the alphabet.

  Alphabet() {
    bytes.fill(-1);
    uint32_t next = 256;
    for (uint32_t byte = 0; byte < 256; ++byte) {
      const bool printable =
          (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
      const uint32_t code = printable ? byte : next++;
      append_utf8(code, characters[byte]);
      bytes[code] = static_cast<int16_t>(byte);
    }
  }
};

const Alphabet& alphabet() {
  static const Alphabet the_one;
  return the_one;
}

}  // namespace

void append_byte_level(std::string_view bytes, std::string& out) {
  const Alphabet& a = alphabet();
  for (const char byte : bytes) out += a.characters[static_cast<uint8_t>(byte)];
}

std::optional<std::string> from_byte_level(std::string_view text) {
  const Alphabet& a = alphabet();
  std::string bytes;
  for (size_t position = 0; position < text.size();) {
    const size_t length = utf8_length(text, position);
    if (length == 0) return std::nullopt;
    const uint32_t code = utf8_code_point(text.substr(position, length));
    if (code >= kCodes || a.bytes[code] < 0) return std::nullopt;
    bytes += static_cast<char>(a.bytes[code]);
    position += length;
  }
  return bytes;
}

}  // namespace thespis::model
