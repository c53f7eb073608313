#pragma once
// Files as the rest of the program needs them: mapped for reading, read whole with a limit, and
// replaced atomically. Every failure is an Error that names the path and the system's reason.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace thespis {

/// A file mapped read-only. Cutting it short while it is mapped is a fault of whoever does it: the
/// program dies of SIGBUS, as with any mapping.
class MappedFile {
 public:
  /// Throws InputError: no such file, not a regular file, not readable.
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  std::span<const std::byte> bytes_;
};

/// The whole file. Throws InputError: not readable, or more than `size_max` bytes.
std::string read_file(const std::filesystem::path& path, uint64_t size_max);

/// Writes the parts, one after the other, to "PATH.partial", syncs it, renames it to `path` and
/// syncs the directory: whoever opens `path` sees the old file or the whole new one. Throws Error
/// (disk full, no permission); then the partial file is gone and the old one as it was.
void replace_file(const std::filesystem::path& path,
                  const std::vector<std::span<const std::byte>>& parts);
void replace_file(const std::filesystem::path& path, std::string_view text);

}  // namespace thespis
