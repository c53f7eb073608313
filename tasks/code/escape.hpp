#pragma once
// Text of a model or a program, made fit to be shown to people: it cannot move the cursor, change
// colours or titles, hide itself, or turn the direction of what stands beside it.

#include <string>
#include <string_view>

namespace thespis::tasks {

/// `text` with everything escaped but printable characters and, with `keep_lines`, line ends:
/// \xNN for bytes that are no UTF-8 and for control characters, \u{202e} for bidi controls,
/// invisible characters, separators of lines, tags, private use and what is no character. At most
/// about `bytes_max` bytes; what is cut is said.
std::string escaped(std::string_view text, size_t bytes_max = 4096, bool keep_lines = true);

}  // namespace thespis::tasks
