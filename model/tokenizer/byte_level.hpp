#pragma once
// The alphabet of byte-level tokenizers: a printable character for each byte (Radford et al. 2019,
// bytes_to_unicode in GPT-2's encoder.py). Vocabularies are written in it; "Ġ" is the space.

#include <optional>
#include <string>
#include <string_view>

namespace thespis::model {

/// Appends each byte's character.
void append_byte_level(std::string_view bytes, std::string& out);

/// The bytes that the characters of `text` stand for; none if one of them is not of the alphabet.
std::optional<std::string> from_byte_level(std::string_view text);

}  // namespace thespis::model
