#include "runtime/base/file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "runtime/base/error.hpp"

namespace thespis {
namespace {

[[noreturn]] void refuse(const std::filesystem::path& path, const char* what) {
  throw InputError(path.string() + ": " + what + ": " + std::generic_category().message(errno));
}

/// A descriptor that closes itself.
struct Descriptor {
  int fd;
  ~Descriptor() { ::close(fd); }
};

int open_to_read(const std::filesystem::path& path) {
  int fd = -1;
  do {
    fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // A fifo must not hang us.
  } while (fd < 0 && errno == EINTR);
  if (fd < 0) refuse(path, "cannot be opened");
  return fd;
}

}  // namespace

MappedFile::MappedFile(const std::filesystem::path& path) {
  const Descriptor file{open_to_read(path)};
  struct stat status {};
  if (::fstat(file.fd, &status) != 0) refuse(path, "cannot be examined");
  if (!S_ISREG(status.st_mode)) throw InputError(path.string() + ": is not a regular file");
  const auto size = static_cast<size_t>(status.st_size);
  if (size == 0) return;  // mmap refuses empty mappings.
  void* address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.fd, 0);
  if (address == MAP_FAILED) refuse(path, "cannot be mapped");
  bytes_ = {static_cast<const std::byte*>(address), size};
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

std::string read_file(const std::filesystem::path& path, uint64_t size_bytes_max) {
  const MappedFile file(path);
  const auto bytes = file.bytes();
  if (bytes.size() > size_bytes_max)
    throw InputError(path.string() + ": has " + std::to_string(bytes.size()) + " bytes; at most " +
                     std::to_string(size_bytes_max) + " are read");
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace thespis
