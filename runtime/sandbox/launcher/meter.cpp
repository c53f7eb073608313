#include "runtime/sandbox/launcher/meter.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace thespis::sandbox {
namespace {

/// The keeper's own memory, which counts too.
constexpr uint64_t kKeeperBytes = 8ULL << 20;
/// The keeper and the job's init.
constexpr uint64_t kKeeperProcesses = 2;

int write_number(int fd, uint64_t value) {
  char text[24];
  const int size = std::snprintf(text, sizeof text, "%llu", static_cast<unsigned long long>(value));
  return ::pwrite(fd, text, static_cast<size_t>(size), 0) == size ? 0 : errno;
}

}  // namespace

std::optional<uint64_t> Meter::read_number(KeeperFd which, const char* key) const {
  const int fd = setup_.fd(which);
  if (fd < 0) return std::nullopt;
  char text[4096];
  const ssize_t size = ::pread(fd, text, sizeof text - 1, 0);
  if (size <= 0) return std::nullopt;
  text[size] = '\0';
  const char* at = text;
  if (key[0] != '\0') {
    at = std::strstr(text, key);
    if (at == nullptr) return std::nullopt;
    at += std::strlen(key);
  }
  return std::strtoull(at, nullptr, 10);
}

int Meter::begin(const Limits& limits, Layers layers) {
  constexpr uint64_t kNone = 1ULL << 62;
  if (setup_.fd(KeeperFd::kMemoryLimit) >= 0) {
    const uint64_t wanted = layers.has(Layer::kMemory) ? limits.memory_bytes + kKeeperBytes : kNone;
    if (wanted != memory_limit_)
      if (const int error = write_number(setup_.fd(KeeperFd::kMemoryLimit), wanted); error != 0)
        return error;
    memory_limit_ = wanted;
  }
  if (setup_.fd(KeeperFd::kPidsMax) >= 0) {
    const uint64_t wanted =
        layers.has(Layer::kProcesses) ? limits.processes + kKeeperProcesses : 32000;
    if (wanted != pids_limit_)
      if (const int error = write_number(setup_.fd(KeeperFd::kPidsMax), wanted); error != 0)
        return error;
    pids_limit_ = wanted;
  }
  if (setup_.fd(KeeperFd::kMemoryPeak) >= 0) {
    // Before 6.12, version 2 has no way to begin anew: the peak is then that of the slot.
    (void)write_number(setup_.fd(KeeperFd::kMemoryPeak), 0);
  }
  has_cpu_ = layers.has(Layer::kCpu);
  cpu_at_start_ =
      read_number(KeeperFd::kCpuUsage, setup_.cgroup_v2 ? "usage_usec " : "").value_or(0);
  starved_at_start_.reset();
  // These change by what jobs do alone, which ran_out_of_memory() follows.
  if (!kills_before_) kills_before_ = read_number(KeeperFd::kMemoryEvents, "oom_kill ");
  if (!usage_before_) usage_before_ = read_number(KeeperFd::kMemoryUsage, "");
  return 0;
}

void Meter::begin_starving(double late_s) {
  if (starved_at_start_) return;
  starved_at_start_ = read_number(KeeperFd::kPressure, "total=");
  starved_before_s_ = late_s;
}

std::optional<double> Meter::cpu_s() const {
  if (!has_cpu_) return std::nullopt;
  const auto now = read_number(KeeperFd::kCpuUsage, setup_.cgroup_v2 ? "usage_usec " : "");
  if (!now) return std::nullopt;
  return static_cast<double>(*now - cpu_at_start_) * (setup_.cgroup_v2 ? 1e-6 : 1e-9);
}

double Meter::starved_alone_s(long init) const {
  const int proc = setup_.fd(KeeperFd::kProc);
  const auto read_file = [proc](const char* path, char* text, size_t size) {
    const int file = ::openat(proc, path, O_RDONLY | O_CLOEXEC);
    const ssize_t got = file < 0 ? 0 : ::read(file, text, size - 1);
    if (file >= 0) ::close(file);
    text[got > 0 ? got : 0] = '\0';
  };
  char path[64], text[256];
  // Nanoseconds on a processor, then those spent waiting for one.
  const auto waited_s = [&](long process) {
    std::snprintf(path, sizeof path, "%ld/schedstat", process);
    read_file(path, text, sizeof text);
    const char* const waited = std::strchr(text, ' ');
    return waited == nullptr ? 0 : static_cast<double>(std::strtoull(waited, nullptr, 10)) * 1e-9;
  };
  std::snprintf(path, sizeof path, "%ld/task/%ld/children", init, init);
  read_file(path, text, sizeof text);
  const long job = std::strtol(text, nullptr, 10);
  return waited_s(init) + waited_s(job);
}

double Meter::starved_s(long init) const {
  if (!starved_at_start_) return starved_alone_s(init);
  const auto now = read_number(KeeperFd::kPressure, "total=");
  return starved_before_s_ + (now ? static_cast<double>(*now - *starved_at_start_) * 1e-6 : 0);
}

uint64_t Meter::memory_peak_bytes() const {
  const uint64_t peak = read_number(KeeperFd::kMemoryPeak, "").value_or(0);
  return peak - std::min(peak, usage_before_.value_or(0));
}

bool Meter::ran_out_of_memory(const Limits& limits, bool well) {
  // Nothing was killed for memory where most of it was never used.
  if (well && memory_peak_bytes() < limits.memory_bytes / 2) return false;
  const auto now = read_number(KeeperFd::kMemoryEvents, "oom_kill ");
  return now && std::exchange(kills_before_, now) != now;
}

uint32_t Meter::kill_survivors() const {
  // The count is cheap, and nearly always says that only the keeper is left.
  if (read_number(KeeperFd::kPidsCurrent, "") == 1) return 0;
  const int fd = setup_.fd(KeeperFd::kPidsList);
  if (fd < 0) return 0;
  char text[4096];
  const ssize_t size = ::pread(fd, text, sizeof text - 1, 0);
  if (size <= 0) return 0;
  text[size] = '\0';
  uint32_t count = 0;
  const long self = ::getpid();
  for (char* at = text; *at != '\0';) {
    char* end = at;
    const long pid = std::strtol(at, &end, 10);
    if (end == at) break;
    at = *end == '\n' ? end + 1 : end;
    if (pid <= 1 || pid == self) continue;
    ++count;
    ::kill(static_cast<pid_t>(pid), SIGKILL);
  }
  return count;
}

}  // namespace thespis::sandbox
