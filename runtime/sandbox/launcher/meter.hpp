#pragma once
// Limits and readings of a slot's cgroup, version 1 or 2; where there is none, nothing is limited
// or read here.

#include <cstdint>
#include <optional>

#include "runtime/sandbox/launcher/setup.hpp"
#include "runtime/sandbox/protocol.hpp"

namespace thespis::sandbox {

class Meter {
 public:
  explicit Meter(const KeeperSetup& setup) : setup_(setup) {}

  /// Limits for the next job, and zero for the readings. 0, or an errno.
  int begin(const Limits& limits, Layers layers);
  /// Processor seconds of all processes since begin().
  std::optional<double> cpu_s() const;
  /// Starvation counts from the first of these calls after begin() on; `late_s` of it lie before.
  void begin_starving(double late_s);
  /// Seconds since then in which the job wanted to run and none of it could. Where no cgroup tells,
  /// those of the process that `init` started.
  double starved_s(long init) const;
  uint64_t memory_peak_bytes() const;  ///< 0: not known.
  /// True if the kernel killed something since begin() because memory was over its limit. `well`:
  /// the job ended as if nothing had happened.
  bool ran_out_of_memory(const Limits& limits, bool well);
  /// Kills every process of the slot but the keeper; returns how many there were.
  uint32_t kill_survivors() const;

 private:
  double starved_alone_s(long init) const;
  std::optional<uint64_t> read_number(KeeperFd which, const char* key) const;

  const KeeperSetup& setup_;
  uint64_t memory_limit_ = 0, pids_limit_ = 0;  ///< As written last.
  bool has_cpu_ = false;
  uint64_t cpu_at_start_ = 0;
  std::optional<uint64_t> starved_at_start_;
  double starved_before_s_ = 0;
  /// Of the keeper alone, before its first job.
  std::optional<uint64_t> kills_before_, usage_before_;
};

}  // namespace thespis::sandbox
