#pragma once
// The network thread: it runs its client's turns while there is something to do, and sleeps in
// epoll otherwise.
//   EL-1  The client is called on this thread only.
//   EL-2  After wake() the client gets a turn; a loop with nothing to do uses no CPU.

#include <atomic>
#include <cstdint>
#include <thread>

#include "runtime/env/clock.hpp"
#include "runtime/transport/socket.hpp"

namespace thespis::transport {

class EventLoop {
 public:
  class Client {
   public:
    virtual ~Client() = default;
    /// First of all, once.
    virtual void on_start() = 0;
    /// Does what can be done now. True: call me again at once.
    virtual bool turn(env::Nanoseconds now) = 0;
    /// True where turn() has something to do; asked after the last turn, before going to sleep.
    virtual bool has_work() const = 0;
    /// Runs what is due; returns when to call it again.
    virtual env::Nanoseconds on_time(env::Nanoseconds now) = 0;
    virtual void on_descriptor(uint64_t key, uint32_t epoll_events) = 0;
    /// True: leave the loop.
    virtual bool finished() const = 0;
  };

  explicit EventLoop(Client& client);
  ~EventLoop();  ///< After join().
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  void start();
  /// Waits until the client has finished.
  void join();
  /// From any thread.
  void wake();
  /// On the loop's thread: on_time() is due with the next turn, whatever it said before.
  void hasten() { due_ = env::Nanoseconds{0}; }
  static env::Nanoseconds now() { return env::RealClock{}.now(); }

  /// On the loop's thread, or before start(). `key` comes back in on_descriptor().
  void watch(int fd, uint64_t key, uint32_t epoll_events);
  void change(int fd, uint64_t key, uint32_t epoll_events);
  void unwatch(int fd);

 private:
  void run();
  void poll_descriptors(int timeout_ms);

  Client& client_;
  Fd epoll_;
  Fd wake_;
  std::atomic<bool> asleep_{false};
  env::Nanoseconds due_{0};
  std::thread thread_;
};

}  // namespace thespis::transport
