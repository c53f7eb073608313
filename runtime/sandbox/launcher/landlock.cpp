#include "runtime/sandbox/launcher/landlock.hpp"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

namespace thespis::sandbox {
namespace {

constexpr long kCreateRuleset = 444, kAddRule = 445, kRestrictSelf = 446;
constexpr long kVersionFlag = 1;
constexpr int kPathBeneath = 1;

/// Rights on files, bit by bit as the kernel numbers them.
constexpr uint64_t kExecute = 1U << 0, kReadFile = 1U << 2, kReadDirectory = 1U << 3;
constexpr uint64_t kWriteFile = 1U << 1, kTruncate = 1U << 14;
constexpr uint64_t kDeviceIoctl = 1U << 15;
constexpr uint64_t kFirstVersion = (1U << 13) - 1;  ///< All rights of version 1.
constexpr uint64_t kRefer = 1U << 13;

struct RulesetAttributes {
  uint64_t handled_files;
  uint64_t handled_network;  ///< Version 4: bind and connect by TCP.
  uint64_t scoped;           ///< Version 6: abstract sockets, signals.
};
struct [[gnu::packed]] PathBeneath {
  uint64_t allowed;
  int32_t parent;
};

uint64_t rights_of(long version) {
  uint64_t rights = kFirstVersion;
  if (version >= 2) rights |= kRefer;
  if (version >= 3) rights |= kTruncate;
  if (version >= 5) rights |= kDeviceIoctl;
  return rights;
}

/// 0 also where the path does not exist.
int allow(int rules, const char* path, uint64_t rights) {
  const int parent = ::open(path, O_PATH | O_CLOEXEC);
  if (parent < 0) return errno == ENOENT ? 0 : errno;
  const PathBeneath rule{rights, parent};
  const int error = ::syscall(kAddRule, rules, kPathBeneath, &rule, 0) == 0 ? 0 : errno;
  ::close(parent);
  return error;
}

}  // namespace

LandlockRules build_landlock() {
  const long version = ::syscall(kCreateRuleset, nullptr, 0, kVersionFlag);
  if (version <= 0) return {-1, std::string("refused: ") + std::strerror(errno)};
  const uint64_t all = rights_of(version);
  RulesetAttributes attributes{all, version >= 4 ? 3U : 0U, version >= 6 ? 3U : 0U};
  size_t size = sizeof attributes.handled_files;
  if (version >= 4) size += sizeof attributes.handled_network;
  if (version >= 6) size += sizeof attributes.scoped;
  const int rules = static_cast<int>(::syscall(kCreateRuleset, &attributes, size, 0));
  if (rules < 0) return {-1, std::string("refused: ") + std::strerror(errno)};
  ::fcntl(rules, F_SETFD, FD_CLOEXEC);
  int error = 0;
  for (const char* path : {"/usr", "/lib", "/lib32", "/lib64", "/libx32", "/bin", "/sbin", "/etc",
                           "/precompiled", "/python"})
    if (error == 0) error = allow(rules, path, kExecute | kReadFile | kReadDirectory);
  for (const char* path : {"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"})
    if (error == 0) error = allow(rules, path, (kReadFile | kWriteFile | kTruncate) & all);
  // The working directory is a mount below /box, new for each job; rules hold across mounts.
  if (error == 0) error = allow(rules, "/box", all & ~kDeviceIoctl);
  if (error != 0) {
    ::close(rules);
    return {-1, std::string("rules refused: ") + std::strerror(error)};
  }
  return {rules, "version " + std::to_string(version)};
}

int restrict_by_landlock(int rules) {
  return ::syscall(kRestrictSelf, rules, 0) == 0 ? 0 : errno;
}

}  // namespace thespis::sandbox
