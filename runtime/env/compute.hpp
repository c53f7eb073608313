#pragma once
// Where heavy work runs. Actors never compute: they post a job here and hear of its end by a
// message, so that a decode step or an optimizer step holds up nobody's mailbox. The simulator
// replaces this with a model that charges virtual time.

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

namespace thespis::env {

class Compute {
 public:
  virtual ~Compute() = default;
  /// Runs `job` after all earlier ones of this object, one at a time. A job must not throw: what
  /// can fail catches its own failure and sends it to whoever must know.
  virtual void post(std::function<void()> job) = 0;
};

/// One thread of its own that sleeps while there is nothing to do. The destructor finishes what was
/// posted.
class ComputeThread final : public Compute {
 public:
  explicit ComputeThread(const std::string& name);
  ~ComputeThread() override;
  void post(std::function<void()> job) override;

 private:
  void run();
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> jobs_;  // Bounded by the actors: each has one job in flight.
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace thespis::env
