#include "runtime/env/file_system.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>

namespace thespis::env {
namespace {

/// A descriptor that closes itself.
class Descriptor {
 public:
  Descriptor(const std::string& path, int flags, const char* done) {
    constexpr mode_t kMode = 0666;  // The user's umask decides.
    do {
      fd_ = ::open(path.c_str(), flags | O_CLOEXEC, kMode);
    } while (fd_ < 0 && errno == EINTR);
    if (fd_ < 0) throw_file_error(path, done, errno);
  }
  ~Descriptor() { ::close(fd_); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_ = -1;
};

void sync_or_throw(int fd, const std::string& path) {
  int status;
  do {
    status = ::fsync(fd);
  } while (status != 0 && errno == EINTR);
  if (status != 0) throw_file_error(path, "synced", errno);
}

class RealFile final : public File {
 public:
  RealFile(std::string path, int flags)
      : path_(std::move(path)), descriptor_(path_, flags | O_WRONLY | O_CREAT, "created") {}

  void append(std::span<const std::byte> bytes) override {
    constexpr size_t kWriteBytesMax = size_t{1}
                                      << 30;  // The kernel takes less than 2^31 at a time.
    while (!bytes.empty()) {
      const ssize_t written =
          ::write(descriptor_.get(), bytes.data(), std::min(bytes.size(), kWriteBytesMax));
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) throw_file_error(path_, "written", errno);
      bytes = bytes.subspan(static_cast<size_t>(written));
    }
  }
  void sync() override { sync_or_throw(descriptor_.get(), path_); }
  void truncate(uint64_t size_bytes) override {
    if (::ftruncate(descriptor_.get(), static_cast<off_t>(size_bytes)) != 0)
      throw_file_error(path_, "cut", errno);
  }

 private:
  std::string path_;
  Descriptor descriptor_;
};

}  // namespace

void throw_file_error(const std::string& path, const std::string& done, int error_number) {
  const std::string text =
      path + ": cannot be " + done + ": " + std::generic_category().message(error_number);
  if (error_number == ENOSPC || error_number == EDQUOT) throw DiskFull(text, error_number);
  throw FileError(text, error_number);
}

std::string parent_directory(const std::string& path) {
  const std::string parent = std::filesystem::path(path).parent_path().string();
  return parent.empty() ? "." : parent;
}

void FileSystem::replace(const std::string& path, std::span<const std::byte> bytes) {
  const std::string aside = path + ".writing";
  {
    const auto file = create(aside);
    file->append(bytes);
    file->sync();
  }
  rename(aside, path);
  sync_directory(parent_directory(path));
}

std::vector<std::byte> RealFileSystem::read(const std::string& path,
                                            uint64_t size_bytes_max) const {
  const Descriptor file(path, O_RDONLY | O_NONBLOCK, "read");  // A fifo must not hang us.
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) throw_file_error(path, "examined", errno);
  if (!S_ISREG(status.st_mode))
    throw_file_error(path, "read as a file", S_ISDIR(status.st_mode) ? EISDIR : EINVAL);
  if (static_cast<uint64_t>(status.st_size) > size_bytes_max)
    throw FileError(
        path + ": larger than the " + std::to_string(size_bytes_max) + " bytes that may be read",
        EFBIG);
  std::vector<std::byte> bytes(static_cast<size_t>(status.st_size));
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t got = ::read(file.get(), bytes.data() + done, bytes.size() - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw_file_error(path, "read", errno);
    if (got == 0) break;  // Somebody cut it meanwhile.
    done += static_cast<size_t>(got);
  }
  bytes.resize(done);
  return bytes;
}

bool RealFileSystem::exists(const std::string& path) const {
  struct stat status {};
  if (::lstat(path.c_str(), &status) == 0) return true;
  if (errno != ENOENT && errno != ENOTDIR) throw_file_error(path, "examined", errno);
  return false;
}

uint64_t RealFileSystem::size_bytes(const std::string& path) const {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) throw_file_error(path, "examined", errno);
  return static_cast<uint64_t>(status.st_size);
}

std::vector<DirectoryEntry> RealFileSystem::list(const std::string& path) const {
  std::vector<DirectoryEntry> entries;
  std::error_code error;
  auto it = std::filesystem::directory_iterator(path, error);
  for (; !error && it != std::filesystem::directory_iterator(); it.increment(error)) {
    std::error_code unknown;  // An entry that vanished meanwhile is no directory.
    entries.push_back({it->path().filename().string(), it->is_directory(unknown)});
  }
  if (error) throw_file_error(path, "listed", error.value());
  std::sort(entries.begin(), entries.end(),
            [](const DirectoryEntry& a, const DirectoryEntry& b) { return a.name < b.name; });
  return entries;
}

std::unique_ptr<File> RealFileSystem::create(const std::string& path) {
  return std::make_unique<RealFile>(path, O_TRUNC | O_APPEND);
}

std::unique_ptr<File> RealFileSystem::open_to_append(const std::string& path) {
  return std::make_unique<RealFile>(path, O_APPEND);
}

void RealFileSystem::rename(const std::string& from, const std::string& to) {
  if (std::rename(from.c_str(), to.c_str()) != 0) throw_file_error(from, "renamed to " + to, errno);
}

void RealFileSystem::create_directories(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) throw_file_error(path, "created", error.value());
}

void RealFileSystem::remove_tree(const std::string& path) {
  std::error_code error;
  std::filesystem::remove_all(path, error);
  if (error) throw_file_error(path, "removed", error.value());
}

void RealFileSystem::sync_directory(const std::string& path) {
  const Descriptor directory(path, O_RDONLY | O_DIRECTORY, "opened");
  // A file system that cannot sync directories says EINVAL; there is nothing more to ask of it.
  if (::fsync(directory.get()) != 0 && errno != EINVAL) throw_file_error(path, "synced", errno);
}

}  // namespace thespis::env
