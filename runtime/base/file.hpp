#pragma once
// Files that users point at: models, tokenizers, data. What is wrong with them is the user's to
// cure, so every failure is an InputError that names the path. What the program writes goes
// through runtime/env/file_system.hpp.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

namespace thespis {

/// A file mapped read-only. Cutting it short while it is mapped is a fault of whoever does it: the
/// program dies of SIGBUS, as with any mapping.
class MappedFile {
 public:
  /// Throws InputError: no such file, not a regular file, not readable.
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  std::span<const std::byte> bytes_;
};

/// The whole file. Throws InputError: not readable, or more than `size_bytes_max` bytes.
std::string read_file(const std::filesystem::path& path, uint64_t size_bytes_max);

}  // namespace thespis
