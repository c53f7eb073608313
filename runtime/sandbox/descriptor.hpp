#pragma once
// A file descriptor that closes itself, and the sealed memory files that carry a job's bytes.

#include <string>
#include <string_view>
#include <utility>

namespace thespis::sandbox {

class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept;
  ~Descriptor() { reset(); }
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  int release() { return std::exchange(fd_, -1); }
  void reset();

 private:
  int fd_ = -1;
};

/// A memory file with these bytes at offset 0 that nobody can change any more; empty with errno
/// set where the system refuses.
Descriptor sealed_file(const char* name, std::string_view bytes);

}  // namespace thespis::sandbox
