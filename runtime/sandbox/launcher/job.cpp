#include "runtime/sandbox/launcher/job.hpp"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <csignal>
#include <cstring>

#include "runtime/sandbox/launcher/landlock.hpp"

namespace thespis::sandbox {
namespace {

/// Where the job's own descriptors lie until it begins; below are the program's.
constexpr int kExecutableFd = 16, kReportFd = 17, kFirstOther = 18, kAside = 64;

[[noreturn]] void fail(const char* step, int error) {
  Report report;
  report.kind = Report::Kind::kFailed;
  report.error = error;
  std::strncpy(report.step, step, sizeof report.step - 1);
  // No answer to a failure of this: the keeper sees the exit code.
  if (::write(kReportFd, &report, sizeof report) < 0) ::_exit(126);
  ::_exit(126);
}

/// Puts every descriptor where the program expects it and closes all others.
int place_descriptors(const Box& box) {
  struct Move {
    int from, to;
  };
  std::array<Move, 6 + kInheritedMax> moves{{{box.input, 0},
                                             {box.output, 1},
                                             {box.errors, 2},
                                             {box.result, 3},
                                             {box.executable, kExecutableFd},
                                             {box.report, kReportFd}}};
  size_t count = 6;
  for (size_t i = 0; i < box.request->inherited.size(); ++i)
    moves[count++] = {box.inherited[i], box.request->inherited[i]};
  // First aside, so that no move overwrites what another still needs.
  for (size_t i = 0; i < count; ++i) {
    if (moves[i].from < 0) continue;
    moves[i].from = ::fcntl(moves[i].from, F_DUPFD_CLOEXEC, kAside);
    if (moves[i].from < 0) return errno;
  }
  uint32_t used = 0;
  for (size_t i = 0; i < count; ++i) {
    if (moves[i].from < 0) continue;
    const bool ours = moves[i].to >= kExecutableFd;
    if (::dup3(moves[i].from, moves[i].to, ours ? O_CLOEXEC : 0) < 0) return errno;
    used |= 1U << moves[i].to;
  }
  for (int fd = 0; fd < kFirstOther; ++fd)
    if ((used >> fd & 1) == 0) ::close(fd);
  return ::syscall(SYS_close_range, kFirstOther, ~0U, 0) == 0 ? 0 : errno;
}

int limit(int resource, rlim_t soft, rlim_t hard) {
  const rlimit values{soft, hard};
  return ::setrlimit(static_cast<__rlimit_resource>(resource), &values) == 0 ? 0 : errno;
}

int set_rlimits(const Box& box) {
  const Limits& limits = box.request->limits;
  const bool has_cpu = box.layers.has(Layer::kCpu), has_memory = box.layers.has(Layer::kMemory);
  // With a cgroup the keeper watches the sum; this is a net below it, in whole seconds.
  const auto cpu_s = static_cast<rlim_t>(std::ceil(limits.cpu_s)) + (has_cpu ? 1 : 0);
  constexpr rlim_t kStack = 64ULL << 20, kSmallStack = 8ULL << 20;
  // Threads get a stack as large as this limit, which counts as address space.
  const rlim_t stack = has_memory ? std::min<rlim_t>(kStack, limits.memory_bytes) : kSmallStack;
  constexpr rlim_t kOwnImage = 128ULL << 20;  // Code and libraries, mapped but not used.
  const rlim_t space = has_memory ? RLIM_INFINITY : limits.memory_bytes + kOwnImage;
  constexpr rlim_t kFiles = 256;
  int error = limit(RLIMIT_CPU, std::max<rlim_t>(cpu_s, 1), std::max<rlim_t>(cpu_s, 1) + 1);
  if (error == 0) error = limit(RLIMIT_FSIZE, limits.file_bytes, limits.file_bytes);
  if (error == 0) error = limit(RLIMIT_NOFILE, kFiles, kFiles);
  if (error == 0) error = limit(RLIMIT_STACK, stack, stack);
  if (error == 0) error = limit(RLIMIT_AS, space, space);
  for (const int none : {RLIMIT_CORE, RLIMIT_MEMLOCK, RLIMIT_MSGQUEUE, RLIMIT_RTPRIO})
    if (error == 0) error = limit(none, 0, 0);
  // Counts the user's processes in its namespace: keeper, init and the job's.
  const rlim_t processes = limits.processes + 2;
  if (error == 0 && box.layers.has(Layer::kUser)) error = limit(RLIMIT_NPROC, processes, processes);
  return error;
}

int drop_capabilities() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  const __user_cap_data_struct none[2] = {};
  return ::syscall(SYS_capset, &header, none) == 0 ? 0 : errno;
}

/// First to go when memory runs out, before its keeper.
void offer_to_oom_killer(int proc) {
  const int file = ::openat(proc, "self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (file < 0) return;  // Without it the largest goes first, which is nearly always the job.
  if (::write(file, "1000", 4) != 4) {
    // The same.
  }
  ::close(file);
}

/// Below its keeper, which must get its turn however many processes the job has. Only within their
/// own cgroup: elsewhere a busy machine would hardly let the job run at all.
void yield_to_keeper() {
  constexpr int kNice = 10;
  if (::setpriority(PRIO_PROCESS, 0, kNice) != 0) {
    // Then they are equals.
  }
}

void reset_signals(bool dispositions) {
  if (dispositions)
    for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

int install_filter(const KeeperSetup& setup) {
  const sock_fprog program{static_cast<unsigned short>(setup.filter_length),
                           const_cast<sock_filter*>(setup.filter.data())};
  return ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0 ? 0 : errno;
}

}  // namespace

int forbid_capabilities() {
  constexpr int kLastKnown = 63;
  for (int capability = 0; capability <= kLastKnown; ++capability)
    if (::prctl(PR_CAPBSET_DROP, capability) != 0) {
      if (errno == EINVAL) break;  // Past the kernel's last.
      return errno;
    }
  constexpr unsigned long kNoRoot = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |
                                    SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED |
                                    SECBIT_NO_CAP_AMBIENT_RAISE |
                                    SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;
  return ::prctl(PR_SET_SECUREBITS, kNoRoot) == 0 ? 0 : errno;
}

void job_main(const Box& box) {
  const KeeperSetup& setup = *box.setup;
  const Layers layers = box.layers;
  const Start start = box.request->start;
  const int rules = setup.fd(KeeperFd::kLandlock);
  ::setsid();
  if (layers.has(Layer::kCpu)) yield_to_keeper();
  offer_to_oom_killer(setup.fd(KeeperFd::kProc));
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  // Rules first: their descriptor is closed with the others.
  const int walled = layers.has(Layer::kLandlock) ? restrict_by_landlock(rules) : 0;
  if (const int error = place_descriptors(box); error != 0) fail("descriptors", error);
  if (walled != 0) fail("landlock", walled);
  if (layers.has(Layer::kRlimits))
    if (const int error = set_rlimits(box); error != 0) fail("rlimits", error);
  if (layers.has(Layer::kCapabilities))
    if (const int error = drop_capabilities(); error != 0) fail("capabilities", error);
  reset_signals(start != Start::kZygote);
  if (layers.has(Layer::kSeccomp))
    if (const int error = install_filter(setup); error != 0) fail("seccomp", error);
  const auto argv = const_cast<char* const*>(box.argv);
  const auto environment = const_cast<char* const*>(box.environment);
  if (start == Start::kExecutable) {
    ::syscall(SYS_execveat, kExecutableFd, "", argv, environment, AT_EMPTY_PATH);
    fail("execveat", errno);
  }
  if (start == Start::kExecute) {
    ::execve(argv[0], argv, environment);
    fail("execve", errno);
  }
  ::close(kReportFd);
  box.program(box);
  ::_exit(125);
}

}  // namespace thespis::sandbox
