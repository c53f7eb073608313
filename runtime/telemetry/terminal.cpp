#include "runtime/telemetry/terminal.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

namespace thespis::telemetry {
namespace {

std::string_view environment(const char* name) {
  const char* text = std::getenv(name);
  return text == nullptr ? std::string_view() : text;
}

bool locale_is_utf8() {
  // The first of these that is set decides, as setlocale(3) has it.
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const std::string_view text = environment(name);
    if (text.empty()) continue;
    return text.find("UTF-8") != text.npos || text.find("utf8") != text.npos;
  }
  return false;
}

struct Character {
  size_t size_bytes;
  uint32_t columns;
};

uint32_t width_of(uint32_t code) {
  const auto within = [code](uint32_t first, uint32_t last) {
    return code >= first && code <= last;
  };
  if (within(0x0300, 0x036F) || within(0x200B, 0x200F) || within(0xFE00, 0xFE0F)) return 0;
  if (within(0x1100, 0x115F) || within(0x2E80, 0xA4CF) || within(0xAC00, 0xD7A3) ||
      within(0xF900, 0xFAFF) || within(0xFE30, 0xFE6F) || within(0xFF00, 0xFF60) ||
      within(0xFFE0, 0xFFE6) || within(0x1F300, 0x1FAFF) || within(0x20000, 0x3FFFD))
    return 2;
  return 1;
}

/// The character at the beginning of `text`, which is not empty. A stray byte is one of its own.
Character first_of(std::string_view text) {
  const auto byte = [text](size_t i) {
    return static_cast<uint32_t>(static_cast<uint8_t>(text[i]));
  };
  const size_t size = byte(0) < 0x80   ? 1
                      : byte(0) < 0xC0 ? 1
                      : byte(0) < 0xE0 ? 2
                      : byte(0) < 0xF0 ? 3
                                       : 4;
  if (size == 1 || size > text.size()) return {1, 1};
  uint32_t code = byte(0) & (0xFFu >> (size + 1));
  for (size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return {1, 1};
    code = code << 6 | (byte(i) & 0x3F);
  }
  return {size, width_of(code)};
}

}  // namespace

Terminal terminal_of(int descriptor) {
  Terminal terminal;
  terminal.unicode = locale_is_utf8();
  if (::isatty(descriptor) != 1) return terminal;
  winsize size{};
  // A terminal that does not tell its size keeps the default.
  if (::ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
    terminal.columns = size.ws_col;
  terminal.live = environment("TERM") != "dumb";
  terminal.colours = terminal.live && environment("NO_COLOR").empty();
  return terminal;
}

uint32_t columns_of(std::string_view text) {
  uint32_t columns = 0;
  while (!text.empty()) {
    const Character character = first_of(text);
    columns += character.columns;
    text.remove_prefix(character.size_bytes);
  }
  return columns;
}

std::string fitted(std::string_view text, uint32_t columns) {
  std::string out;
  while (!text.empty()) {
    const Character character = first_of(text);
    if (character.columns > columns) break;
    columns -= character.columns;
    const bool control = static_cast<uint8_t>(text[0]) < 0x20 || text[0] == 0x7F;
    // A stray byte would make the terminal guess.
    const bool stray = character.size_bytes == 1 && static_cast<uint8_t>(text[0]) >= 0x80;
    out += control || stray ? "?" : text.substr(0, character.size_bytes);
    text.remove_prefix(character.size_bytes);
  }
  return out;
}

}  // namespace thespis::telemetry
