#include "runtime/base/file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "runtime/base/error.hpp"

namespace thespis {
namespace {

std::string reason(int error_number) {
  return std::generic_category().message(error_number);
}

/// A descriptor that closes itself.
class Descriptor {
 public:
  Descriptor(const std::filesystem::path& path, int flags, mode_t mode = 0) {
    do {
      fd_ = ::open(path.c_str(), flags | O_CLOEXEC, mode);
    } while (fd_ < 0 && errno == EINTR);
  }
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  bool is_open() const { return fd_ >= 0; }
  int get() const { return fd_; }
  /// Closes now, to learn of an error that the destructor could not report.
  int close() { return ::close(std::exchange(fd_, -1)); }

 private:
  int fd_ = -1;
};

/// Opens a regular file for reading and says how large it is.
uint64_t regular_size(const Descriptor& file, const std::filesystem::path& path) {
  if (!file.is_open()) throw InputError(path.string() + ": cannot be opened: " + reason(errno));
  struct stat status {};
  if (::fstat(file.get(), &status) != 0)
    throw InputError(path.string() + ": cannot be examined: " + reason(errno));
  if (!S_ISREG(status.st_mode)) throw InputError(path.string() + ": is not a regular file");
  return static_cast<uint64_t>(status.st_size);
}

void write_all(const Descriptor& file, std::span<const std::byte> bytes, const std::string& name) {
  constexpr size_t kWriteBytesMax = size_t{1} << 30;  // Linux writes at most 2^31 - 4096 at a time.
  while (!bytes.empty()) {
    const ssize_t written =
        ::write(file.get(), bytes.data(), std::min(bytes.size(), kWriteBytesMax));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw Error(name + ": cannot be written: " + reason(errno));
    bytes = bytes.subspan(static_cast<size_t>(written));
  }
}

/// Makes a rename in `directory` last; a file system that cannot sync directories says EINVAL.
void sync_directory(const std::filesystem::path& directory) {
  const Descriptor handle(directory, O_RDONLY | O_DIRECTORY);
  if (!handle.is_open() || (::fsync(handle.get()) != 0 && errno != EINVAL))
    throw Error(directory.string() + ": cannot be synced: " + reason(errno));
}

}  // namespace

MappedFile::MappedFile(const std::filesystem::path& path) {
  const Descriptor file(path, O_RDONLY | O_NONBLOCK);  // O_NONBLOCK: a fifo must not hang us.
  const uint64_t size = regular_size(file, path);
  if (size == 0) return;  // mmap refuses empty mappings.
  void* address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (address == MAP_FAILED)
    throw InputError(path.string() + ": cannot be mapped: " + reason(errno));
  bytes_ = {static_cast<const std::byte*>(address), size};
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

MappedFile::MappedFile(MappedFile&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(bytes_, other.bytes_);
  return *this;
}

std::string read_file(const std::filesystem::path& path, uint64_t size_max) {
  const Descriptor file(path, O_RDONLY | O_NONBLOCK);
  const uint64_t size = regular_size(file, path);
  if (size > size_max)
    throw InputError(path.string() + ": has " + std::to_string(size) + " bytes; at most " +
                     std::to_string(size_max) + " are read");
  std::string text(size, '\0');
  size_t filled = 0;
  while (filled < text.size()) {
    const ssize_t got = ::read(file.get(), text.data() + filled, text.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw InputError(path.string() + ": cannot be read: " + reason(errno));
    if (got == 0) break;  // It shrank meanwhile.
    filled += static_cast<size_t>(got);
  }
  text.resize(filled);
  return text;
}

void replace_file(const std::filesystem::path& path,
                  const std::vector<std::span<const std::byte>>& parts) {
  const std::filesystem::path partial = path.string() + ".partial";
  try {
    Descriptor file(partial, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (!file.is_open()) throw Error(partial.string() + ": cannot be created: " + reason(errno));
    for (const auto part : parts) write_all(file, part, partial.string());
    if (::fsync(file.get()) != 0)
      throw Error(partial.string() + ": cannot be synced: " + reason(errno));
    if (file.close() != 0) throw Error(partial.string() + ": cannot be closed: " + reason(errno));
    if (::rename(partial.c_str(), path.c_str()) != 0)
      throw Error(path.string() + ": cannot be replaced: " + reason(errno));
  } catch (const Error&) {
    ::unlink(partial.c_str());  // Best effort: the failure that brought us here is what to report.
    throw;
  }
  const std::filesystem::path parent = path.parent_path();
  sync_directory(parent.empty() ? std::filesystem::path(".") : parent);
}

void replace_file(const std::filesystem::path& path, std::string_view text) {
  replace_file(path, {std::as_bytes(std::span(text.data(), text.size()))});
}

}  // namespace thespis
