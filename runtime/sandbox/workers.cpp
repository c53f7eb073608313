#include "runtime/sandbox/workers.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "runtime/base/error.hpp"

namespace thespis::sandbox {
namespace {

using namespace std::chrono_literals;

constexpr env::Nanoseconds kSilence = 250ms;
/// A job that waits for a processor may take this many times its wall limit (job.hpp).
constexpr double kStarvedFactor = 11;
constexpr uint64_t kTimerKey = ~0ULL;

env::Nanoseconds duration(double seconds) {
  return std::chrono::duration_cast<env::Nanoseconds>(std::chrono::duration<double>(seconds));
}

uint32_t slot_of(size_t lane, bool zygote) {
  return static_cast<uint32_t>(2 * lane + (zygote ? 1 : 0));
}

RunReply infrastructure(const std::string& why) {
  RunReply reply;
  reply.outcome.detail = why;
  return reply;
}

}  // namespace

Workers::Workers(unsigned lanes, Layers without, const env::Clock& clock)
    : without_(without),
      lanes_(lanes),
      clock_(clock),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      timer_(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)) {
  epoll_event event{EPOLLIN, {.u64 = kTimerKey}};
  if (!epoll_ || !timer_ || ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, timer_.get(), &event) != 0)
    throw Error(std::string("sandbox: no descriptors: ") + std::strerror(errno));
  start_launcher();
}

Workers::~Workers() = default;

void Workers::start_launcher() {
  launcher_.reset();
  zygote_started_ = false;
  launcher_.emplace(without_);
  LauncherReply hello = launcher_->call({LauncherCall::kHello, 0, false, {}});
  if (!hello.error.empty()) throw Error("sandbox: " + hello.error);
  setup_ = std::move(hello.layers);
  for (const Installed& file : installed_)
    launcher_->call({LauncherCall::kInstall, 0, false, file.path}, file.file.get());
}

std::string Workers::install(const std::string& path, Descriptor file) {
  const LauncherReply reply = launcher_->call({LauncherCall::kInstall, 0, false, path}, file.get());
  if (reply.error.empty()) installed_.push_back({path, std::move(file)});
  return reply.error;
}

uint64_t Workers::submit(Work work, WorkDone done) {
  const uint64_t id = next_id_++;
  queue_.push_back({id, std::move(work), std::move(done)});
  arm_timer();
  return id;
}

void Workers::defer(std::function<void()> task) {
  ended_.push_back(std::move(task));
  arm_timer();
}

void Workers::cancel(uint64_t id) {
  const auto queued = std::ranges::find(queue_, id, &Job::id);
  if (queued != queue_.end()) {
    Job job = std::move(*queued);
    queue_.erase(queued);
    fail(std::move(job), "cancelled");
    return;
  }
  const auto running = running_.find(id);
  if (running == running_.end() || running->second.cancelled) return;
  running->second.cancelled = true;
  // Dead or alive, the keeper has a while to say that the job is gone.
  running->second.deadline = clock_.now() + kSilence;
  const auto& worker = worker_of(running->second.lane, running->second.zygote);
  if (worker) worker->send(FrameKind::kCancel);
  arm_timer();
}

void Workers::fail(Job job, const std::string& why) {
  auto shared = std::make_shared<Job>(std::move(job));
  defer([shared, why] { shared->done(infrastructure(why), {}); });
}

std::unique_ptr<Worker>& Workers::worker_of(size_t lane, bool zygote) {
  return zygote ? lanes_[lane].zygote : lanes_[lane].plain;
}

std::string Workers::ensure_worker(size_t lane, bool zygote) {
  std::unique_ptr<Worker>& worker = worker_of(lane, zygote);
  if (worker) return {};
  if (zygote && !zygote_started_) {
    const auto started = launcher_->call({LauncherCall::kStartZygote, 0, false, {}});
    if (!started.error.empty()) return started.error;
    zygote_started_ = true;
  }
  SocketPair pair = socket_pair(SOCK_STREAM);
  if (!pair.ours) return std::string("socketpair: ") + std::strerror(errno);
  const auto started = launcher_->call({LauncherCall::kKeeper, slot_of(lane, zygote), zygote, {}},
                                       pair.theirs.get());
  if (!started.error.empty()) return started.error;
  worker = std::make_unique<Worker>(std::move(pair.ours), started.process);
  epoll_event event{EPOLLIN, {.u64 = slot_of(lane, zygote)}};
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, worker->socket(), &event) != 0) {
    drop_worker(lane, zygote);
    return std::string("epoll: ") + std::strerror(errno);
  }
  return {};
}

void Workers::drop_worker(size_t lane, bool zygote) {
  worker_of(lane, zygote).reset();
  if (launcher_) launcher_->call({LauncherCall::kKill, slot_of(lane, zygote), zygote, {}});
}

std::string Workers::start_on(size_t lane, Job& job) {
  const bool zygote = job.work.request.start == Start::kZygote;
  std::vector<int> descriptors;
  for (const auto& descriptor : job.work.descriptors) descriptors.push_back(descriptor->get());
  std::string error;
  constexpr int kAttempts = 2;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    error = ensure_worker(lane, zygote);
    if (!error.empty() && !launcher_->lost()) return error;
    if (!error.empty()) {
      // Its keepers died with it, and their jobs.
      for (Lane& each : lanes_) {
        each.plain.reset();
        each.zygote.reset();
        if (each.job != 0) end(each.job, infrastructure("the launcher died"), {});
      }
      try {
        start_launcher();
      } catch (const Error& failure) {
        return failure.what();
      }
      continue;
    }
    if (worker_of(lane, zygote)->ask(job.work.request, descriptors)) return {};
    error = "the worker process does not take the job";
    drop_worker(lane, zygote);
  }
  return error;
}

void Workers::start_jobs() {
  for (size_t lane = 0; lane < lanes_.size() && !queue_.empty(); ++lane) {
    if (lanes_[lane].job != 0) continue;
    Job job = std::move(queue_.front());
    queue_.pop_front();
    if (const std::string error = start_on(lane, job); !error.empty()) {
      fail(std::move(job), error);
      continue;
    }
    const auto now = clock_.now();
    const Limits& limits = job.work.request.limits;
    Running running;
    running.lane = lane;
    running.zygote = job.work.request.start == Start::kZygote;
    running.deadline = now + duration(limits.wall_s) + kSilence;
    running.give_up = now + duration(limits.wall_s * kStarvedFactor) + 2 * kSilence;
    running.job = std::move(job);
    lanes_[lane].job = running.job.id;
    running_.emplace(running.job.id, std::move(running));
  }
}

void Workers::end(uint64_t id, RunReply reply, Descriptor file) {
  const auto found = running_.find(id);
  if (found == running_.end()) return;
  Running running = std::move(found->second);
  running_.erase(found);
  lanes_[running.lane].job = 0;
  struct Ended {
    WorkDone done;
    RunReply reply;
    Descriptor file;
  };
  auto ended = std::make_shared<Ended>(
      Ended{std::move(running.job.done), std::move(reply), std::move(file)});
  ended_.push_back([ended] { ended->done(std::move(ended->reply), std::move(ended->file)); });
}

void Workers::hear(size_t lane, bool zygote) {
  const auto& worker = worker_of(lane, zygote);
  if (!worker) return;
  const uint64_t id = lanes_[lane].job;
  const auto running = running_.find(id);
  const bool ours = running != running_.end() && running->second.zygote == zygote;
  RunReply reply;
  Descriptor file;
  switch (worker->hear(reply, file)) {
    case Worker::Heard::kNothing:
      break;
    case Worker::Heard::kPong:
      if (ours) {
        running->second.asked = false;
        running->second.deadline = clock_.now() + kSilence;
      }
      break;
    case Worker::Heard::kReply:
      if (ours) end(id, std::move(reply), std::move(file));
      break;
    case Worker::Heard::kGone:
      drop_worker(lane, zygote);
      if (ours) end(id, infrastructure("the worker process died"), {});
      break;
  }
}

void Workers::check_deadlines() {
  const auto now = clock_.now();
  std::vector<uint64_t> wedged;
  for (auto& [id, running] : running_) {
    if (now < running.deadline) continue;
    const auto& worker = worker_of(running.lane, running.zygote);
    const bool may_ask = !running.asked && !running.cancelled && now < running.give_up;
    if (may_ask && worker && worker->send(FrameKind::kPing)) {
      running.asked = true;
      running.deadline = now + kSilence;
      continue;
    }
    // It has not been given the time to answer.
    if (worker && now < running.give_up && worker->waits_for_processor()) {
      running.deadline = now + kSilence;
      continue;
    }
    wedged.push_back(id);
  }
  for (const uint64_t id : wedged) {
    const Running& running = running_.at(id);
    drop_worker(running.lane, running.zygote);
    end(id, infrastructure("the worker process did not answer"), {});
  }
}

std::optional<env::Nanoseconds> Workers::next_deadline() const {
  if (!ended_.empty() || (!queue_.empty() && running_.size() < lanes_.size())) return clock_.now();
  std::optional<env::Nanoseconds> first;
  for (const auto& [id, running] : running_)
    if (!first || running.deadline < *first) first = running.deadline;
  return first;
}

void Workers::arm_timer() {
  itimerspec when{};
  if (const auto first = next_deadline()) {
    const auto left = std::max<int64_t>((*first - clock_.now()).count(), 1);
    when.it_value.tv_sec = left / 1'000'000'000;
    when.it_value.tv_nsec = left % 1'000'000'000;
  }
  ::timerfd_settime(timer_.get(), 0, &when, nullptr);
}

size_t Workers::poll(int timeout_ms) {
  start_jobs();
  arm_timer();
  std::array<epoll_event, 64> events{};
  const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()),
                                 ended_.empty() ? timeout_ms : 0);
  for (int i = 0; i < count; ++i) {
    const uint64_t key = events[static_cast<size_t>(i)].data.u64;
    if (key == kTimerKey) {
      uint64_t expirations = 0;
      if (::read(timer_.get(), &expirations, sizeof expirations) < 0) continue;  // Set anew.
    } else {
      hear(key / 2, key % 2 == 1);
    }
  }
  check_deadlines();
  // Lanes first: their next jobs run while the callbacks do.
  start_jobs();
  size_t called = 0;
  for (size_t left = ended_.size(); left > 0; --left, ++called) {
    const auto callback = std::move(ended_.front());
    ended_.pop_front();
    callback();
  }
  start_jobs();
  arm_timer();
  return called;
}

}  // namespace thespis::sandbox
