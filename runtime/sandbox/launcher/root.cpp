#include "runtime/sandbox/launcher/root.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <stdexcept>

#include "runtime/sandbox/launcher/setup.hpp"

namespace thespis::sandbox {
namespace {

namespace fs = std::filesystem;

/// Ends the building with a line that names the step.
struct Failed : std::runtime_error {
  Failed(const std::string& step, int error)
      : std::runtime_error(step + ": " + std::strerror(error)) {}
};

void check(long result, const std::string& step) {
  if (result < 0) throw Failed(step, errno);
}

constexpr const char* kDevices[] = {"null", "zero", "full", "random", "urandom"};

void bind(const std::string& from, const std::string& to) {
  check(::mount(from.c_str(), to.c_str(), nullptr, MS_BIND | MS_REC, nullptr), "bind " + from);
}

/// Read-only, without set-user-id programs and devices, with all that is mounted below.
void lock(const std::string& path) {
  // mount_setattr by number: Debian 12's C library has no wrapper; before 5.12 there is none.
  struct {
    uint64_t set, clear, propagation, user_namespace;
  } attributes{1 | 2 | 4, 0, 0, 0};
  constexpr long kMountSetattr = 442;
  constexpr int kRecursive = 0x8000;
  if (::syscall(kMountSetattr, AT_FDCWD, path.c_str(), kRecursive, &attributes,
                sizeof attributes) == 0)
    return;
  constexpr unsigned long kFlags = MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV;
  check(::mount(nullptr, path.c_str(), nullptr, kFlags, nullptr), "lock " + path);
}

void add_usr(const fs::path& root) {
  fs::create_directory(root / "usr");
  bind("/usr", root / "usr");
  lock(root / "usr");
  for (const char* name : {"bin", "sbin", "lib", "lib32", "lib64", "libx32"}) {
    const fs::path host = fs::path("/") / name;
    if (fs::is_symlink(host)) {
      fs::create_symlink(fs::read_symlink(host), root / name);
    } else if (fs::is_directory(host)) {
      fs::create_directory(root / name);
      bind(host, root / name);
      lock(root / name);
    }
  }
}

void write_text(const fs::path& path, std::string_view text) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  check(file, path);
  const auto written = ::write(file, text.data(), text.size());
  ::close(file);
  if (written != static_cast<ssize_t>(text.size())) throw Failed(path, ENOSPC);
}

void add_etc(const fs::path& root) {
  const fs::path etc = root / "etc";
  fs::create_directory(etc);
  write_text(etc / "passwd", "box:x:1000:1000:box:/box/work:/usr/sbin/nologin\n");
  write_text(etc / "group", "box:x:1000:\n");
  if (fs::exists("/etc/ld.so.cache")) fs::copy_file("/etc/ld.so.cache", etc / "ld.so.cache");
  // Debian's choice of compilers and interpreters: links, nothing else.
  std::error_code none;
  fs::create_directory(etc / "alternatives");
  for (const auto& entry : fs::directory_iterator("/etc/alternatives", none))
    if (entry.is_symlink())
      fs::copy_symlink(entry.path(), etc / "alternatives" / entry.path().filename());
}

void add_devices(const fs::path& root) {
  fs::create_directory(root / "dev");
  for (const char* name : kDevices) {
    const std::string host = std::string("/dev/") + name, ours = root / "dev" / name;
    struct stat status {};
    check(::stat(host.c_str(), &status), host);
    // Nodes of our own cost a job's namespace nothing; a user without root has to bind the host's.
    if (::mknod(ours.c_str(), S_IFCHR | 0666, status.st_rdev) == 0 &&
        ::chmod(ours.c_str(), 0666) == 0) {
      const int file = ::open(ours.c_str(), O_RDWR | O_CLOEXEC);
      if (file >= 0) {
        ::close(file);
        continue;
      }
      ::unlink(ours.c_str());
    }
    write_text(ours, "");
    bind(host, ours);
  }
  fs::create_symlink("../box/work", root / "dev/shm");
}

void build(const fs::path& root) {
  constexpr unsigned long kFlags = MS_NOSUID;
  check(::mount("root", root.c_str(), "tmpfs", kFlags, "mode=0755,size=1g"), "mount the root");
  add_usr(root);
  add_etc(root);
  add_devices(root);
  for (const char* name : {"box", "box/work", "precompiled", "python"})
    fs::create_directory(root / name);
  fs::create_symlink("box/work", root / "tmp");
}

}  // namespace

std::string enter_prepared_root(Descriptor& writable) {
  try {
    const fs::path root = "/tmp";
    check(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), "make mounts private");
    const mode_t mask = ::umask(022);
    build(root);
    ::umask(mask);
    check(::chdir(root.c_str()), "chdir");
    check(::syscall(SYS_pivot_root, ".", "."), "pivot_root");
    check(::umount2(".", MNT_DETACH), "leave the host's root");
    check(::chdir("/"), "chdir");
    constexpr long kOpenTree = 428;
    constexpr unsigned kClone = 1;
    writable =
        Descriptor(static_cast<int>(::syscall(kOpenTree, AT_FDCWD, "/", kClone | O_CLOEXEC)));
    check(writable.get(), "open_tree");
    constexpr unsigned long kLocked = MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID;
    check(::mount(nullptr, "/", nullptr, kLocked, nullptr), "lock the root");
  } catch (const std::exception& error) {
    return error.what();
  }
  return {};
}

std::string install_file(const Descriptor& writable, const std::string& path, int from,
                         uint64_t bytes_max) {
  for (size_t slash = path.find('/'); slash != path.npos; slash = path.find('/', slash + 1))
    if (::mkdirat(writable.get(), path.substr(0, slash).c_str(), 0755) != 0 && errno != EEXIST)
      return path + ": " + std::strerror(errno);
  // Beside its name first: what reads it meanwhile sees the old one or the new one.
  const std::string aside = path + ".new";
  const Descriptor file(::openat(writable.get(), aside.c_str(),
                                 O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644));
  if (!file) return path + ": " + std::strerror(errno);
  char block[1 << 16];
  off_t at = 0;
  for (;;) {
    const ssize_t got = ::pread(from, block, sizeof block, at);
    if (got < 0) return path + ": " + std::strerror(errno);
    if (got == 0) break;
    at += got;
    if (static_cast<uint64_t>(at) > bytes_max) return path + ": too large";
    if (::write(file.get(), block, static_cast<size_t>(got)) != got)
      return path + ": " + std::strerror(errno != 0 ? errno : ENOSPC);
  }
  if (::renameat(writable.get(), aside.c_str(), writable.get(), path.c_str()) != 0)
    return path + ": " + std::strerror(errno);
  return {};
}

}  // namespace thespis::sandbox
