#pragma once
// Files as the store and telemetry see them: what must survive a crash, and how it can fail. The
// simulator and the tests replace it to tear writes and fill disks; the steps of a durable write
// are separate here so that a fault can strike between any two of them.
//   FS-1  Bytes are durable only after File::sync(); a new, renamed or removed name only after
//         sync_directory() of the directory that holds it.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "runtime/base/error.hpp"

namespace thespis::env {

/// A file operation failed. The text names the path and the operating system's reason.
class FileError : public Error {
 public:
  FileError(const std::string& what, int error_number) : Error(what), error_number_(error_number) {}
  int error_number() const { return error_number_; }  ///< As errno.

 private:
  int error_number_;
};

/// No space, or no quota, is left: what the user can cure, and what must not look like a bug.
class DiskFull : public FileError {
 public:
  using FileError::FileError;
};

/// "PATH: cannot be DONE: reason", as DiskFull where the number says so, else as FileError.
[[noreturn]] void throw_file_error(const std::string& path, const std::string& done,
                                   int error_number);

/// A file open for writing; closing it is the destructor's, which syncs nothing.
class File {
 public:
  virtual ~File() = default;
  /// Writes all of `bytes` at the end, or throws and may have written some.
  virtual void append(std::span<const std::byte> bytes) = 0;
  virtual void sync() = 0;
  /// Cuts the file to its first `size_bytes` bytes; the next append() follows them.
  virtual void truncate(uint64_t size_bytes) = 0;
};

struct DirectoryEntry {
  std::string name;
  bool is_directory = false;
  bool operator==(const DirectoryEntry&) const = default;
};

class FileSystem {
 public:
  virtual ~FileSystem() = default;

  /// The whole file. Throws FileError also where it is no regular file or larger than
  /// `size_bytes_max`.
  virtual std::vector<std::byte> read(const std::string& path, uint64_t size_bytes_max) const = 0;
  virtual bool exists(const std::string& path) const = 0;
  virtual uint64_t size_bytes(const std::string& path) const = 0;
  /// Entries sorted by name, without "." and "..".
  virtual std::vector<DirectoryEntry> list(const std::string& path) const = 0;

  /// A new, empty file; one that exists is emptied.
  virtual std::unique_ptr<File> create(const std::string& path) = 0;
  /// To go on behind what the file holds; a file that does not exist is made.
  virtual std::unique_ptr<File> open_to_append(const std::string& path) = 0;
  /// Atomic. Replaces a file; does not replace a directory that is not empty.
  virtual void rename(const std::string& from, const std::string& to) = 0;
  virtual void create_directories(const std::string& path) = 0;
  /// Removes a file or a directory with all it holds, following no links. Absent is fine.
  virtual void remove_tree(const std::string& path) = 0;
  virtual void sync_directory(const std::string& path) = 0;

  /// Writes beside `path`, syncs, renames: afterwards `path` holds the old bytes or all the new
  /// ones.
  void replace(const std::string& path, std::span<const std::byte> bytes);
};

/// The directory that holds `path`: "a/b" for "a/b/c", "." for "c".
std::string parent_directory(const std::string& path);

class RealFileSystem final : public FileSystem {
 public:
  std::vector<std::byte> read(const std::string& path, uint64_t size_bytes_max) const override;
  bool exists(const std::string& path) const override;
  uint64_t size_bytes(const std::string& path) const override;
  std::vector<DirectoryEntry> list(const std::string& path) const override;
  std::unique_ptr<File> create(const std::string& path) override;
  std::unique_ptr<File> open_to_append(const std::string& path) override;
  void rename(const std::string& from, const std::string& to) override;
  void create_directories(const std::string& path) override;
  void remove_tree(const std::string& path) override;
  void sync_directory(const std::string& path) override;
};

}  // namespace thespis::env
