#pragma once
// Patterns of a tokenizer.json are written for Oniguruma, which Hugging Face's library uses; here
// they run on PCRE2. Where both read a pattern the same way it stays; where they differ (white
// space, word characters, nested classes and && in them, \h, \v, {n,m}+, scripts) it is written so
// that PCRE2 does what Oniguruma does; whatever else is refused by name. One difference remains:
// under (?i), no character matches two ("ß" is not "ss").

#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace thespis::model {

inline constexpr size_t kPatternBytesMax = 16 << 10;  ///< The longest published one has under 2 KB.
inline constexpr int kPatternDepthMax = 50;           ///< Groups and classes within each other.

/// `pattern`, well-formed UTF-8, for PCRE2 (UTF, UCP, MULTILINE, newline LF); or what is not
/// supported in it, as "has \1 at byte 7, which is not supported".
tl::expected<std::string, std::string> to_pcre2(std::string_view pattern);

}  // namespace thespis::model
