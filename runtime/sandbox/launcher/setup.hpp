#pragma once
// What a keeper needs to know, as plain memory: the launcher hands it to its own children, and
// over a socket to the interpreter's.

#include <linux/filter.h>

#include <array>
#include <cstdint>

#include "runtime/sandbox/layer.hpp"

namespace thespis::sandbox {

/// Descriptors of a keeper, by their places in KeeperSetup::descriptors; -1 where there is none.
enum class KeeperFd : uint8_t {
  kJobs,         ///< From the host: runs; to it: replies.
  kLauncher,     ///< Handshake at the start.
  kProc,         ///< The host's /proc, to mark jobs for the out-of-memory killer.
  kLandlock,     ///< The rule set.
  kMemoryLimit,  ///< Files of the slot's cgroup from here on.
  kMemoryPeak,
  kMemoryEvents,
  kMemoryUsage,
  kPidsMax,
  kPidsCurrent,
  kPidsList,  ///< cgroup.procs
  kCpuUsage,
  kPressure,  ///< cpu.pressure
  kCount
};
constexpr size_t kKeeperFds = static_cast<size_t>(KeeperFd::kCount);

constexpr uint32_t kFilterLengthMax = 1024;

struct KeeperSetup {
  Layers layers;  ///< Those that hold here; what is not among them is not tried.
  bool cgroup_v2 = false;
  uint32_t processors = 1;  ///< That a job can use at once.
  std::array<int, kKeeperFds> descriptors{};
  uint32_t filter_length = 0;
  std::array<sock_filter, kFilterLengthMax> filter{};  ///< For jobs.

  int fd(KeeperFd which) const { return descriptors[static_cast<size_t>(which)]; }
  int& fd(KeeperFd which) { return descriptors[static_cast<size_t>(which)]; }
};

/// The working directory of every job, and the id of its user inside.
constexpr const char* kWorkDirectory = "/box/work";
constexpr unsigned kInsideId = 1000;

}  // namespace thespis::sandbox
