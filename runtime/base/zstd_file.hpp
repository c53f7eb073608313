#pragma once
// Data files, compressed or not.

#include <cstdint>
#include <filesystem>
#include <string>

namespace thespis {

/// The whole file, decompressed where it is zstd's (told by its first bytes). Throws InputError:
/// not readable, damaged, or more than `size_bytes_max` bytes.
std::string read_data_file(const std::filesystem::path& path, uint64_t size_bytes_max);

}  // namespace thespis
