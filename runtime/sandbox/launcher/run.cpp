#include "runtime/sandbox/launcher/run.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <csignal>
#include <cstring>
#include <filesystem>

#include "runtime/sandbox/channel.hpp"
#include "runtime/sandbox/launcher/patience.hpp"
#include "runtime/sandbox/launcher/probe.hpp"

namespace thespis::sandbox {
namespace {

/// The init's, and then the interpreter's in its copy; touched pages alone cost something.
constexpr size_t kStackBytes = 64ULL << 20;

const char* const kEnvironment[] = {"PATH=/usr/bin:/bin",
                                    "HOME=/box/work",
                                    "TMPDIR=/tmp",
                                    "LANG=C.UTF-8",
                                    "LC_ALL=C.UTF-8",
                                    "PYTHONPATH=/python",
                                    "PYTHONHASHSEED=0",
                                    "PYTHONDONTWRITEBYTECODE=1",
                                    nullptr};

/// Where the host's own root is seen, a job works at least not among others' files.
class OwnDirectory {
 public:
  ~OwnDirectory() {
    std::error_code none;
    if (!path_.empty()) std::filesystem::remove_all(path_, none);
  }
  /// False with errno set: it cannot be made.
  bool make() {
    char path[] = "/tmp/thespis-unwalled-XXXXXX";
    if (::mkdtemp(path) == nullptr) return false;
    path_ = path;
    return true;
  }
  const char* path() const { return path_.c_str(); }

 private:
  std::string path_;
};

}  // namespace

bool Capture::open(uint64_t bytes_max) {
  release();
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return false;
  read_ = Descriptor(ends[0]);
  write_ = Descriptor(ends[1]);
  if (::fcntl(read_.get(), F_SETFL, O_NONBLOCK) != 0) return false;
  void* memory = ::mmap(nullptr, bytes_max + 1, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return false;
  bytes_ = static_cast<char*>(memory);
  bytes_max_ = bytes_max;
  size_ = 0;
  return true;
}

bool Capture::drain() {
  while (read_) {
    const ssize_t got = ::read(read_.get(), bytes_ + size_, bytes_max_ + 1 - size_);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return true;
    if (got <= 0) {
      read_.reset();
      return true;
    }
    size_ += static_cast<uint64_t>(got);
    if (size_ > bytes_max_) {
      read_.reset();
      return false;
    }
  }
  return true;
}

std::string Capture::take() {
  std::string text(bytes_, std::min(size_, bytes_max_));
  release();
  return text;
}

void Capture::release() {
  if (bytes_ != nullptr) ::munmap(bytes_, bytes_max_ + 1);
  bytes_ = nullptr;
  read_.reset();
  write_.reset();
}

struct Runner::Running {
  Running(const RunRequest& asked, Descriptor& into) : request(asked), file(into) {}

  const RunRequest& request;
  Descriptor& file;
  OwnDirectory directory;
  Box box;
  RunReply reply;
  Capture output, errors, result;
  std::vector<const char*> argv;
  Descriptor report, init;  ///< `init` is its pidfd.
  pid_t pid = -1;
  env::Nanoseconds start{};
  bool started = false, ended = false, cancelled = false;
  bool over_output = false, over_cpu = false, over_wall = false;
  bool starved = false;  ///< The machine had no time for it.
  int status = 0;
  rusage usage{};

  void fail(std::string why) {
    reply.outcome.ending = Ending::kInfrastructure;
    if (reply.outcome.detail.empty()) reply.outcome.detail = std::move(why);
  }
  void kill() const {
    if (init) ::syscall(SYS_pidfd_send_signal, init.get(), SIGKILL, nullptr, 0);
  }
};

Runner::Runner(const KeeperSetup& setup, void (*zygote)(const Box&))
    : setup_(setup), zygote_(zygote), meter_(setup) {
  void* memory = ::mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
  if (memory == MAP_FAILED) ::_exit(8);
  init_stack_ = static_cast<char*>(memory);
}

RunReply Runner::run(const RunRequest& request, const std::vector<Descriptor>& descriptors,
                     Descriptor& file) {
  Running run(request, file);
  if (start(run, descriptors)) {
    wait(run);
    conclude(run);
  }
  return std::move(run.reply);
}

bool Runner::start(Running& run, const std::vector<Descriptor>& descriptors) {
  const RunRequest& request = run.request;
  Box& box = run.box;
  box.setup = &setup_;
  box.layers.bits = setup_.layers.bits & ~request.without.bits;
  box.request = &request;
  const auto refuse = [&](const char* what, int error) {
    run.fail(std::string(what) + ": " + std::strerror(error));
    return false;
  };
  // Without a process namespace a job can signal whatever has its user: never our own.
  if (!box.layers.has(Layer::kPid) && !box.layers.has(Layer::kUser))
    return refuse("neither user nor process namespace", EPERM);
  const size_t own = request.start == Start::kExecutable ? 2 : 1;
  if (descriptors.size() != own + request.inherited.size()) return refuse("descriptors", EBADMSG);
  if (request.start == Start::kZygote && zygote_ == nullptr) return refuse("zygote", ENOSYS);
  box.program = request.start == Start::kProbe ? probe_main : zygote_;
  for (const std::string& argument : request.argv) run.argv.push_back(argument.c_str());
  run.argv.push_back(nullptr);
  box.argv = run.argv.data();
  box.environment = kEnvironment;
  const Limits& limits = request.limits;
  if (!run.output.open(limits.output_bytes) || !run.errors.open(limits.output_bytes) ||
      !run.result.open(limits.result_bytes))
    return refuse("pipe", errno);
  if (!box.layers.has(Layer::kMount)) {
    if (!run.directory.make()) return refuse("directory", errno);
    box.directory = run.directory.path();
  }
  SocketPair report = socket_pair(SOCK_SEQPACKET);
  if (!report.ours) return refuse("socketpair", errno);
  run.report = std::move(report.ours);
  box.input = descriptors[0].get();
  box.executable = own == 2 ? descriptors[1].get() : -1;
  for (size_t i = 0; i < request.inherited.size(); ++i)
    box.inherited[i] = descriptors[own + i].get();
  box.output = run.output.write_end();
  box.errors = run.errors.write_end();
  box.result = run.result.write_end();
  box.report = report.theirs.get();
  box.job_stack = init_stack_ + kStackBytes / 2;
  if (const int error = meter_.begin(limits, box.layers); error != 0)
    return refuse("cgroup limits", error);
  int flags = CLONE_VM | CLONE_PIDFD | SIGCHLD;
  if (box.layers.has(Layer::kMount)) flags |= CLONE_NEWNS;
  if (box.layers.has(Layer::kPid)) flags |= CLONE_NEWPID;
  if (box.layers.has(Layer::kIpc)) flags |= CLONE_NEWIPC;
  run.start = clock_.now();
  int pidfd = -1;
  run.pid = ::clone(init_main, init_stack_ + kStackBytes, flags, &box, &pidfd);
  if (run.pid < 0) return refuse("clone", errno);
  run.init = Descriptor(pidfd);
  run.output.close_write_end();
  run.errors.close_write_end();
  run.result.close_write_end();
  report.theirs.reset();
  // The init shares our memory: nothing here may change before it has forked the job. Its first
  // packet says so, and its death ends the wait too.
  read_report(run, 0);
  return true;
}

bool Runner::read_report(Running& run, int flags) {
  Report report;
  Received got =
      receive(run.report.get(), {reinterpret_cast<char*>(&report), sizeof report}, 1, flags);
  if (got.bytes == 0 && errno == EAGAIN) return false;
  if (got.bytes != sizeof report) {
    run.report.reset();
    return false;
  }
  if (report.kind == Report::Kind::kFailed) {
    report.step[sizeof report.step - 1] = '\0';
    run.fail(std::string(report.step) + ": " + std::strerror(report.error));
  } else if (report.kind == Report::Kind::kStarted) {
    run.started = true;
  } else {
    run.ended = true;
    run.status = report.status;
    if (!got.descriptors.empty()) {
      run.file = std::move(got.descriptors[0]);
      run.reply.took_file = true;
    }
  }
  return true;
}

int Runner::next_timeout_ms(Running& run) {
  const double elapsed_s = env::seconds(clock_.now() - run.start);
  const Look look =
      look_at(run.request.limits, setup_.processors, elapsed_s, meter_, static_cast<long>(run.pid));
  run.over_cpu = run.over_cpu || look.found == Look::Found::kOverCpu;
  run.starved = run.starved || look.found == Look::Found::kStarved;
  run.over_wall = run.over_wall || run.starved || look.found == Look::Found::kOverWall;
  return static_cast<int>(std::ceil(look.wait_s * 1000));
}

void Runner::wait(Running& run) {
  bool exited = false;
  while (!exited) {
    const int timeout_ms = next_timeout_ms(run);
    if (run.over_wall || run.over_cpu) run.kill();
    pollfd watched[] = {{run.init.get(), POLLIN, 0},
                        {run.output.read_end(), POLLIN, 0},
                        {run.errors.read_end(), POLLIN, 0},
                        {run.result.read_end(), POLLIN, 0},
                        {run.report ? run.report.get() : -1, POLLIN, 0},
                        {run.cancelled ? -1 : setup_.fd(KeeperFd::kJobs), POLLIN, 0}};
    const bool killed = run.over_wall || run.over_cpu || run.over_output || run.cancelled;
    if (::poll(watched, std::size(watched), killed ? -1 : timeout_ms) < 0 && errno != EINTR) {
      run.fail(std::string("poll: ") + std::strerror(errno));
      run.kill();
    }
    exited = watched[0].revents != 0;
    Capture* const captures[] = {&run.output, &run.errors, &run.result};
    for (size_t i = 0; i < std::size(captures); ++i) {
      if (watched[i + 1].revents == 0 || captures[i]->drain()) continue;
      run.over_output = true;
      run.kill();
    }
    if (watched[4].revents != 0) read_report(run, MSG_DONTWAIT);
    if (watched[5].revents != 0 && !exited) {
      hear_host(run);
    }
  }
  while (::wait4(run.pid, nullptr, __WALL, &run.usage) < 0 && errno == EINTR) {
  }
  // All writers are gone: what is left in the pipes is all there will be.
  while (run.report && read_report(run, MSG_DONTWAIT)) {
  }
  for (Capture* capture : {&run.output, &run.errors, &run.result})
    if (!capture->drain()) run.over_output = true;
}

void Runner::hear_host(Running& run) {
  FrameHeader header;
  const int host = setup_.fd(KeeperFd::kJobs);
  const ssize_t got = ::recv(host, &header, sizeof header, MSG_DONTWAIT);
  if (got < 0 && errno == EAGAIN) return;
  if (got == sizeof header && header.kind == FrameKind::kPing) {
    header.kind = FrameKind::kPong;
    if (::send(host, &header, sizeof header, MSG_NOSIGNAL) == sizeof header) return;
  }
  // A cancellation, or the host is gone.
  run.cancelled = true;
  run.fail("cancelled");
  run.kill();
}

void Runner::conclude(Running& run) {
  const Limits& limits = run.request.limits;
  Outcome& outcome = run.reply.outcome;
  outcome.wall_s = env::seconds(clock_.now() - run.start);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  outcome.cpu_s =
      meter_.cpu_s().value_or(seconds(run.usage.ru_utime) + seconds(run.usage.ru_stime));
  outcome.memory_peak_bytes = meter_.memory_peak_bytes();
  if (outcome.memory_peak_bytes == 0)
    outcome.memory_peak_bytes = static_cast<uint64_t>(run.usage.ru_maxrss) * 1024;
  outcome.output = run.output.take();
  outcome.errors = run.errors.take();
  outcome.result = run.result.take();
  outcome.survivors = meter_.kill_survivors();
  if (run.starved && outcome.cpu_s <= limits.cpu_s) run.fail("the machine had no time for it");
  if (!outcome.detail.empty()) return;  // Infrastructure.
  if (meter_.ran_out_of_memory(limits, run.ended && run.status == 0)) {
    outcome.ending = Ending::kMemoryLimit;
  } else if (run.over_output) {
    outcome.ending = Ending::kOutputLimit;
  } else if (run.over_cpu || outcome.cpu_s > limits.cpu_s) {
    outcome.ending = Ending::kCpuLimit;
  } else if (run.over_wall) {
    outcome.ending = Ending::kWallLimit;
  } else if (!run.ended) {
    run.fail(run.started ? "the job's init died" : "the job's init did not start");
  } else if (WIFSIGNALED(run.status)) {
    outcome.code = WTERMSIG(run.status);
    outcome.ending = outcome.code == SIGSYS ? Ending::kRefusedCall : Ending::kSignal;
    if (outcome.code == SIGXCPU) outcome.ending = Ending::kCpuLimit;
  } else {
    outcome.ending = Ending::kExited;
    outcome.code = WEXITSTATUS(run.status);
  }
}

}  // namespace thespis::sandbox
