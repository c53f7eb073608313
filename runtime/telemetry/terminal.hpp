#pragma once
// What the place where progress is shown can do, and text cut to its width.

#include <cstdint>
#include <string>
#include <string_view>

namespace thespis::telemetry {

struct Terminal {
  bool live = false;     ///< Lines may be drawn over: a terminal, and not TERM=dumb.
  bool colours = false;  ///< Live, and NO_COLOR is not set (no-color.org).
  bool unicode = false;  ///< The locale is UTF-8.
  uint32_t columns = 80;
};

/// Asks the operating system about a file descriptor, and the environment.
Terminal terminal_of(int descriptor);

/// Columns that UTF-8 text takes: 2 for East Asian wide characters and emoji, 0 for combining
/// marks.
uint32_t columns_of(std::string_view text);

/// The longest beginning of `text` that fits into `columns`; control characters become '?'.
std::string fitted(std::string_view text, uint32_t columns);

}  // namespace thespis::telemetry
