#pragma once
// UTF-8 as the Unicode standard has it (section 3.9, table 3-7): no overlong forms, no surrogates,
// nothing above U+10FFFF.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace thespis::model {

inline constexpr const char* kReplacement = "\xef\xbf\xbd";  ///< U+FFFD, for what is not UTF-8.

/// Bytes of the UTF-8 character at `position`; 0 if there is none that is well-formed.
size_t utf8_length(std::string_view text, size_t position);

/// Offset of the first byte that is no part of a well-formed character; text.size() if none.
size_t utf8_valid_prefix(std::string_view text);

/// The code point of the well-formed character at the front of `text`.
uint32_t utf8_code_point(std::string_view text);

/// Appends the character; `code` is below 0x110000 and no surrogate.
void append_utf8(uint32_t code, std::string& out);

/// Appends `bytes` as text, with U+FFFD for each maximal part of what is not well-formed (Unicode,
/// section 3.9, "U+FFFD substitution of maximal subparts"). Returns how many bytes are done: all of
/// them, unless `more` may follow and they end within a character.
size_t append_utf8_lossy(std::string_view bytes, bool more, std::string& out);

}  // namespace thespis::model
