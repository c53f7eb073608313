#include "runtime/transport/event_loop.hpp"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>

#include "runtime/base/assert.hpp"
#include "runtime/base/error.hpp"

namespace thespis::transport {
namespace {

constexpr uint64_t kWakeKey = std::numeric_limits<uint64_t>::max();
// A busy loop looks at its descriptors this often.
constexpr env::Nanoseconds kLookEvery = std::chrono::microseconds(500);
constexpr int kSleepMsMax = 1000;

}  // namespace

EventLoop::EventLoop(Client& client)
    : client_(client),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      wake_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  if (!epoll_ || !wake_)
    throw Error(errno_text("cannot make the network thread's descriptors", errno));
  watch(wake_.get(), kWakeKey, EPOLLIN);
}

EventLoop::~EventLoop() {
  THESPIS_ASSERT(!thread_.joinable());
}

void EventLoop::start() {
  thread_ = std::thread([this] { run(); });
  pthread_setname_np(thread_.native_handle(), "thespis-net");
}

void EventLoop::join() {
  if (thread_.joinable()) thread_.join();
}

void EventLoop::wake() {
  // Pairs with run(): either the loop sees the work before it sleeps, or this sees that it sleeps.
  if (!asleep_.load(std::memory_order_seq_cst)) return;
  const uint64_t one = 1;
  THESPIS_ASSERT(write(wake_.get(), &one, sizeof one) == sizeof one || errno == EAGAIN);
}

void EventLoop::watch(int fd, uint64_t key, uint32_t epoll_events) {
  epoll_event event{};
  event.events = epoll_events;
  event.data.u64 = key;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0)
    throw Error(errno_text("cannot watch a descriptor", errno));
}

void EventLoop::change(int fd, uint64_t key, uint32_t epoll_events) {
  epoll_event event{};
  event.events = epoll_events;
  event.data.u64 = key;
  THESPIS_ASSERT(epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event) == 0);
}

void EventLoop::unwatch(int fd) {
  THESPIS_ASSERT(epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr) == 0);
}

void EventLoop::poll_descriptors(int timeout_ms) {
  std::array<epoll_event, 64> events;
  const int count = epoll_wait(epoll_.get(), events.data(), events.size(), timeout_ms);
  asleep_.store(false, std::memory_order_seq_cst);
  THESPIS_ASSERT(count >= 0 || errno == EINTR);
  for (int i = 0; i < count; ++i) {
    if (events[i].data.u64 == kWakeKey) {
      uint64_t wakes = 0;
      THESPIS_ASSERT(read(wake_.get(), &wakes, sizeof wakes) == sizeof wakes || errno == EAGAIN);
    } else {
      client_.on_descriptor(events[i].data.u64, events[i].events);
    }
  }
}

void EventLoop::run() {
  client_.on_start();
  env::Nanoseconds looked{0};
  while (!client_.finished()) {
    const env::Nanoseconds at = now();
    const bool busy = client_.turn(at);
    if (at >= due_) due_ = client_.on_time(at);
    if (busy) {
      if (at - looked < kLookEvery) continue;
      looked = at;
      poll_descriptors(0);
      continue;
    }
    asleep_.store(true, std::memory_order_seq_cst);
    if (client_.has_work()) {
      asleep_.store(false, std::memory_order_seq_cst);
      continue;
    }
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(due_ - now()).count();
    looked = at;
    poll_descriptors(static_cast<int>(std::clamp<int64_t>(wait, 0, kSleepMsMax)));
  }
}

}  // namespace thespis::transport
