#pragma once
// Files that may be compressed with zstd, as data sets and tokenizers often are.

#include <cstdint>
#include <filesystem>
#include <string>

namespace thespis {

/// The whole file, unpacked where its first bytes say that it is zstd's. Throws InputError: not
/// readable, damaged, or more than `size_bytes_max` bytes, packed or not.
std::string read_packed_file(const std::filesystem::path& path, uint64_t size_bytes_max);

}  // namespace thespis
