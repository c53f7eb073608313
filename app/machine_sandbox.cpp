// What could wall in a program that a model wrote.

#include <linux/seccomp.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <sstream>
#include <system_error>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "app/machine.hpp"

namespace thespis::app {
namespace {

std::string reason(int error_number) {
  return std::generic_category().message(error_number);
}

/// Runs `attempt` in a child; 0, or the errno it returned.
int in_child(int (*attempt)()) {
  const pid_t child = ::fork();
  if (child < 0) return errno;
  if (child == 0) ::_exit(attempt());
  int status = 0;
  while (::waitpid(child, &status, 0) < 0)
    if (errno != EINTR) return errno;
  return WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
}

int unshare_all() {
  const int kinds = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC;
  return ::unshare(kinds) == 0 ? 0 : errno;
}

}  // namespace

Finding find_user_namespaces() {
  const int error = in_child(unshare_all);
  if (error == 0)
    return {"namespaces", "user, mount, pid, net and ipc can be made",
            "code can be run without network and without our files"};
  return {
      "namespaces", "refused: " + reason(error),
      "code cannot be walled in: see kernel.unprivileged_userns_clone, or the container's policy"};
}

Finding find_landlock() {
  // By number: Debian 12's headers are older than the calls. This flag asks for the version.
  constexpr long kCreateRuleset = 444, kVersionFlag = 1;
  const long version = ::syscall(kCreateRuleset, nullptr, 0, kVersionFlag);
  if (version < 0)
    return {"landlock", "refused: " + reason(errno), "files are guarded by namespaces alone"};
  constexpr long kNetworkVersion = 4;
  return {"landlock", fmt::format("version {}", version),
          version >= kNetworkVersion ? "a second guard of files and of TCP ports"
                                     : "a second guard of files"};
}

Finding find_seccomp() {
  uint32_t action = SECCOMP_RET_KILL_PROCESS;
  if (::syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0)
    return {"seccomp", "filters that kill", "system calls can be restricted"};
  return {"seccomp", "refused: " + reason(errno), "system calls cannot be restricted"};
}

Finding find_cgroups() {
  // /proc/self/mounts: "device directory type options ...".
  std::ifstream mounts("/proc/self/mounts");
  std::vector<std::string> first_version, second_version;
  bool writable = false;
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream fields(line);
    std::string device, directory, type;
    fields >> device >> directory >> type;
    if (type != "cgroup" && type != "cgroup2") continue;
    const std::string name = directory.substr(directory.rfind('/') + 1);
    if (type == "cgroup") {
      first_version.push_back(name);
      if (name == "memory" || name == "cpu,memory")
        writable |= ::access(directory.c_str(), W_OK) == 0;
      continue;
    }
    std::ifstream controllers(directory + "/cgroup.controllers");
    for (std::string controller; controllers >> controller;) {
      second_version.push_back(controller);
      if (controller == "memory") writable |= ::access(directory.c_str(), W_OK) == 0;
    }
  }
  const auto list = [](const std::vector<std::string>& names) {
    return names.empty() ? "none" : fmt::format("{}", fmt::join(names, " "));
  };
  return {"cgroups", fmt::format("v1: {}; v2: {}", list(first_version), list(second_version)),
          writable ? "memory and processes of code can be limited as a whole"
                   : "limits are those of each process alone (rlimits)"};
}

}  // namespace thespis::app
