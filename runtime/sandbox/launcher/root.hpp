#pragma once
// The root that every job sees: a small file system of our own with the host's /usr in it, all of
// it read-only.

#include <string>

#include "runtime/sandbox/descriptor.hpp"

namespace thespis::sandbox {

/// Builds it and makes it the calling process's root, in a mount namespace that the process must
/// have to itself. `writable`: the same root for writing, which nobody else has. Returns what
/// failed, or nothing.
std::string enter_prepared_root(Descriptor& writable);

/// A file of the prepared root, readable for all: the bytes of `from`, at most `bytes_max`.
/// `path` is relative and its directories are made. Returns what failed, or nothing.
std::string install_file(const Descriptor& writable, const std::string& path, int from,
                         uint64_t bytes_max);

}  // namespace thespis::sandbox
