#pragma once
// The secret that the nodes of a cluster share.

#include <string>

namespace thespis::app {

/// The file's content without blanks at its ends. Throws InputError: not readable, too short, or
/// readable by others than its owner.
std::string read_secret(const std::string& path);

/// Makes `path`, readable by its owner alone, with a fresh secret; returns the secret.
std::string make_secret(const std::string& path);

}  // namespace thespis::app
