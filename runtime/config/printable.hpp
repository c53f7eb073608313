#pragma once
// Text that a user wrote, made fit for a message of one line or for a TOML file.

#include <string>
#include <string_view>

namespace thespis::config {

/// `text` on one line: control characters become '?', and what is over `bytes_max` becomes "...".
std::string printable(std::string_view text, size_t bytes_max);

/// `text` as a basic string of TOML, quotes included. Parsing it gives `text` back, if that is
/// UTF-8.
std::string quote(std::string_view text);

}  // namespace thespis::config
