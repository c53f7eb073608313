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
  /// Runs `work` after all earlier ones of this object, one at a time, and `done` when it has
  /// ended. Neither may throw: what can fail catches its own failure. `work` computes and touches
  /// no actor; `done` sends the result to whoever must know. (In virtual time all of the work is
  /// computed in one instant, and `done` is called when the time that it takes has passed.)
  virtual void post(std::function<void()> work, std::function<void()> done) = 0;
};

/// One thread of its own that sleeps while there is nothing to do. The destructor finishes what was
/// posted.
class ComputeThread final : public Compute {
 public:
  explicit ComputeThread(const std::string& name);
  ~ComputeThread() override;
  void post(std::function<void()> work, std::function<void()> done) override;

 private:
  void run();
  std::mutex mutex_;
  std::condition_variable wake_;
  struct Job {
    std::function<void()> work, done;
  };
  std::deque<Job> jobs_;  // Bounded by the actors: each has one job in flight.
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace thespis::env
