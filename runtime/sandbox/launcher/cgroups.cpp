#include "runtime/sandbox/launcher/cgroups.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>

namespace thespis::sandbox {
namespace {

constexpr const char* kPrefix = "thespis-";
bool write_text(int directory, const std::string& file, const std::string& text) {
  const Descriptor fd(::openat(directory, file.c_str(), O_WRONLY | O_CLOEXEC));
  return fd && ::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

std::string read_text(int directory, const std::string& file) {
  const Descriptor fd(::openat(directory, file.c_str(), O_RDONLY | O_CLOEXEC));
  char text[8192];
  const ssize_t size = fd ? ::read(fd.get(), text, sizeof text) : 0;
  return {text, static_cast<size_t>(size > 0 ? size : 0)};
}

bool names(const std::string& list, const std::string& name) {
  std::stringstream words(list);
  for (std::string word; std::getline(words, word, ',');)
    if (word == name) return true;
  return false;
}

std::string slot_name(uint32_t slot) {
  return "slot-" + std::to_string(slot);
}

/// Removes the groups of launchers that are no more. Groups with processes refuse.
void sweep(int base) {
  const int copy = ::openat(base, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* const listing = copy < 0 ? nullptr : ::fdopendir(copy);
  if (listing == nullptr) return;
  while (const dirent* entry = ::readdir(listing)) {
    const std::string name = entry->d_name;
    if (!name.starts_with(kPrefix)) continue;
    const long pid = std::strtol(name.c_str() + std::strlen(kPrefix), nullptr, 10);
    if (pid <= 1 || ::kill(static_cast<pid_t>(pid), 0) == 0 || errno != ESRCH) continue;
    const Descriptor top(::openat(base, name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    constexpr uint32_t kSlotsMax = 1024;
    for (uint32_t slot = 0; top && slot < kSlotsMax; ++slot)
      if (::unlinkat(top.get(), slot_name(slot).c_str(), AT_REMOVEDIR) != 0 && errno == EBUSY)
        break;
    ::unlinkat(base, name.c_str(), AT_REMOVEDIR);
  }
  ::closedir(listing);
}

}  // namespace

Cgroups::~Cgroups() {
  for (const auto& [slot, made] : slots_) kill(slot, 2000);
  for (const Hierarchy& hierarchy : hierarchies_) {
    for (const auto& [slot, made] : slots_)
      ::unlinkat(hierarchy.top.get(), slot_name(slot).c_str(), AT_REMOVEDIR);
    ::unlinkat(hierarchy.base.get(), name_.c_str(), AT_REMOVEDIR);
  }
}

Cgroups::Hierarchy* Cgroups::add(const std::string& directory, const std::string& controllers) {
  Hierarchy made;
  made.controllers = controllers;
  made.base = Descriptor(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!made.base) return nullptr;
  sweep(made.base.get());
  if (::mkdirat(made.base.get(), name_.c_str(), 0755) != 0 && errno != EEXIST) return nullptr;
  made.top =
      Descriptor(::openat(made.base.get(), name_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!made.top) return nullptr;
  hierarchies_.push_back(std::move(made));
  return &hierarchies_.back();
}

void Cgroups::open(const std::string& self) {
  name_ = kPrefix + std::to_string(::getpid());
  // "4:memory:/path" and, for version 2, "0::/path".
  std::map<std::string, std::string> own;
  std::ifstream groups(self + "/cgroup");
  for (std::string line; std::getline(groups, line);) {
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second != line.npos)
      own[line.substr(first + 1, second - first - 1)] = line.substr(second + 1);
  }
  for (const char* controller : {"memory", "pids", "cpu"})
    refused_[controller] = "no cgroup has it";
  open_first(self, own);
  std::ifstream mounts(self + "/mounts");
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream fields(line);
    std::string device, directory, type;
    fields >> device >> directory >> type;
    if (type == "cgroup2") open_second(directory + own[""]);
  }
}

void Cgroups::open_first(const std::string& self, const std::map<std::string, std::string>& own) {
  std::ifstream mounts(self + "/mounts");
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream fields(line);
    std::string device, directory, type, options;
    fields >> device >> directory >> type >> options;
    if (type != "cgroup") continue;
    std::string wanted;
    for (const char* controller : {"memory", "pids", "cpu", "cpuacct"})
      if (names(options, controller))
        wanted += (wanted.empty() ? "" : ",") + std::string(controller);
    if (wanted.empty()) continue;
    std::string path = directory;
    for (const auto& [controllers, group] : own)
      if (names(controllers, wanted.substr(0, wanted.find(',')))) path = directory + group;
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) path = directory;  // A container's view of it.
    if (add(path, wanted) == nullptr) {
      const std::string why = std::string("v1 refused: ") + std::strerror(errno);
      for (auto& [controller, reason] : refused_)
        if (names(wanted, controller)) reason = why;
    }
  }
}

void Cgroups::open_second(const std::string& directory) {
  Hierarchy* const hierarchy = add(directory, "");
  if (hierarchy == nullptr) return;
  const std::string offered = read_text(hierarchy->base.get(), "cgroup.controllers");
  const bool all = offered.find("memory") != offered.npos && offered.find("pids") != offered.npos &&
                   offered.find("cpu") != offered.npos;
  if (all && with("memory") == nullptr) v2_controllers_ = enable_controllers(*hierarchy);
  if (all && !v2_controllers_ && with("memory") == nullptr)
    for (auto& [controller, reason] : refused_)
      reason = "v2: our own group has other processes; it must be delegated (Delegate=yes)";
}

bool Cgroups::enable_controllers(Hierarchy& hierarchy) {
  constexpr const char* kControllers = "+memory +pids +cpu";
  const int base = hierarchy.base.get();
  if (!write_text(base, "cgroup.subtree_control", kControllers)) {
    // A group with controllers has no processes of its own: ours and the host's go aside. If there
    // are others we may not move them, and the second attempt fails as well.
    const std::string aside = std::string(kPrefix) + "host";
    ::mkdirat(base, aside.c_str(), 0755);
    for (const pid_t process : {::getppid(), ::getpid()})
      write_text(base, aside + "/cgroup.procs", std::to_string(process));
    if (!write_text(base, "cgroup.subtree_control", kControllers)) return false;
  }
  return write_text(hierarchy.top.get(), "cgroup.subtree_control", kControllers);
}

const Cgroups::Hierarchy* Cgroups::with(const std::string& controller) const {
  for (const Hierarchy& hierarchy : hierarchies_)
    if (hierarchy.controllers.empty() ? v2_controllers_ : names(hierarchy.controllers, controller))
      return &hierarchy;
  return nullptr;
}

bool Cgroups::has(const std::string& controller) const {
  return with(controller) != nullptr && (controller != "cpu" || with("cpuacct") != nullptr);
}

std::string Cgroups::detail(const std::string& controller) const {
  if (has(controller)) return v2_controllers_ ? "cgroup v2" : "cgroup v1";
  const auto reason = refused_.find(controller);
  return reason == refused_.end() ? "no cgroup has it" : reason->second;
}

std::string Cgroups::open_slot(uint32_t slot, KeeperSetup& setup, std::vector<Descriptor>& opened) {
  const std::string name = slot_name(slot);
  for (const Hierarchy& hierarchy : hierarchies_)
    if (::mkdirat(hierarchy.top.get(), name.c_str(), 0755) != 0 && errno != EEXIST)
      return "cgroup " + name + ": " + std::strerror(errno);
  slots_[slot] = true;
  const auto file = [&](KeeperFd which, const Hierarchy* hierarchy, const char* file_name,
                        int flags) {
    setup.fd(which) = -1;
    if (hierarchy == nullptr) return;
    Descriptor fd(
        ::openat(hierarchy->top.get(), (name + "/" + file_name).c_str(), flags | O_CLOEXEC));
    if (!fd) return;
    setup.fd(which) = fd.get();
    opened.push_back(std::move(fd));
  };
  const bool second = v2_controllers_;
  const Hierarchy* const memory = with("memory");
  file(KeeperFd::kMemoryLimit, memory, second ? "memory.max" : "memory.limit_in_bytes", O_RDWR);
  file(KeeperFd::kMemoryPeak, memory, second ? "memory.peak" : "memory.max_usage_in_bytes", O_RDWR);
  if (second && setup.fd(KeeperFd::kMemoryPeak) < 0)
    file(KeeperFd::kMemoryPeak, memory, "memory.peak", O_RDONLY);
  file(KeeperFd::kMemoryUsage, memory, second ? "memory.current" : "memory.usage_in_bytes",
       O_RDONLY);
  file(KeeperFd::kMemoryEvents, memory, second ? "memory.events" : "memory.oom_control", O_RDONLY);
  file(KeeperFd::kPidsMax, with("pids"), "pids.max", O_RDWR);
  file(KeeperFd::kPidsCurrent, with("pids"), "pids.current", O_RDONLY);
  file(KeeperFd::kCpuUsage, with("cpuacct"), second ? "cpu.stat" : "cpuacct.usage", O_RDONLY);
  const Hierarchy* unified = nullptr;
  for (const Hierarchy& hierarchy : hierarchies_)
    if (hierarchy.controllers.empty()) unified = &hierarchy;
  file(KeeperFd::kPressure, unified, "cpu.pressure", O_RDONLY);
  if (!hierarchies_.empty())
    file(KeeperFd::kPidsList, unified != nullptr ? unified : &hierarchies_[0], "cgroup.procs",
         O_RDONLY);
  return {};
}

std::string Cgroups::place(uint32_t slot, pid_t process) {
  for (const Hierarchy& hierarchy : hierarchies_)
    if (!write_text(hierarchy.top.get(), slot_name(slot) + "/cgroup.procs",
                    std::to_string(process)))
      return "cgroup of " + slot_name(slot) + ": " + std::strerror(errno);
  return {};
}

void Cgroups::kill(uint32_t slot, int patience_ms) {
  if (!slots_.contains(slot) || hierarchies_.empty()) return;
  const Hierarchy* by = &hierarchies_[0];
  for (const Hierarchy& hierarchy : hierarchies_)
    if (hierarchy.controllers.empty()) by = &hierarchy;
  const std::string list = slot_name(slot) + "/cgroup.procs";
  for (int waited_ms = 0; waited_ms <= patience_ms; ++waited_ms) {
    const std::string processes = read_text(by->top.get(), list);
    if (processes.empty()) return;
    // One write where the kernel has it (5.14); it also catches who is being forked right now.
    if (by->controllers.empty()) write_text(by->top.get(), slot_name(slot) + "/cgroup.kill", "1");
    std::istringstream numbers(processes);
    for (pid_t process = 0; numbers >> process;)
      if (process > 1) ::kill(process, SIGKILL);
    while (::waitpid(-1, nullptr, WNOHANG) > 0) {
    }
    ::poll(nullptr, 0, 1);
  }
}

}  // namespace thespis::sandbox
