#pragma once
// When the work of emulated streams runs. A call only records it; it runs on the thread that needs
// what it gives, and where the interface leaves the order of two streams' work open, the order is
// one that a caller who forgot to wait does not expect.
//   ES-1  Steps of one queue run one after another, in the order in which they were added.
//   ES-2  A step runs when somebody waits for it, or for what waits for it: not before (kLate), or
//         as early as it may (kOthersFirst), or at some moment between (kRandom).

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "gpu/emulation/accesses.hpp"
#include "gpu/emulation/cards.hpp"
#include "runtime/env/clock.hpp"
#include "runtime/env/random.hpp"

namespace thespis::gpu::emulation {

class Exchange;
class Queue;

/// A moment of a queue: so many of its steps are done.
struct Place {
  std::shared_ptr<Queue> queue;  ///< Null: a moment that is always past.
  uint64_t done = 0;
};

/// Pinned memory that a step reads or writes.
struct HostRange {
  const void* at = nullptr;
  size_t bytes = 0;
};

/// One piece of work. It begins when `after` has come and `exchange` is complete.
struct Step {
  std::function<void()> work = {};
  Place after = {};
  std::shared_ptr<Exchange> exchange = {};
  HostRange host = {};
  std::string what = {};  ///< For errors.
  std::vector<Access> uses = {};
  /// What else it uses, known when it runs.
  std::function<std::vector<Access>()> finds = {};
};

/// The steps of one stream. All members are guarded by the schedule's lock.
class Queue {
 public:
  Queue(uint32_t of_card, uint64_t of_all) : card(of_card), number(of_all) {}
  const uint32_t card;
  const uint64_t number;
  std::deque<Step> steps;  // Those that are not done.
  uint64_t done = 0;
  bool runs = false;     // Some thread runs the first step.
  bool visited = false;  // Some thread is looking for what the first step waits for.
  uint64_t end() const { return done + steps.size(); }
  /// What steps from the first number on come after, other queues' work.
  std::map<uint64_t, Clock> follows = {{0, {}}};
  uint64_t waits_of_host = 0;  // So many of the host's are in the last of them.
};

class Schedule {
 public:
  explicit Schedule(const CardOptions& options);

  std::shared_ptr<Queue> make_queue(uint32_t card);
  /// Runs what is left of it.
  void remove(const std::shared_ptr<Queue>& queue);
  /// The moment after the new step.
  Place add(const std::shared_ptr<Queue>& queue, Step step);
  Place end_of(const std::shared_ptr<Queue>& queue);

  /// Returns when `place` has come; false where nothing moved for so long, or nothing moves and
  /// `is_hopeless`.
  bool run_to(
      const Place& place, std::chrono::milliseconds patience,
      const std::function<bool()>& is_hopeless = [] { return false; });
  /// The same. Error where nothing moves for a minute: a step waits for what never comes.
  void run_to(const Place& place);
  /// All that was added on a card.
  void run_card(uint32_t card);
  bool uses(HostRange range);
  /// Memory of a card that is given back.
  void forget(uint32_t card, const void* at, size_t bytes);

  /// For what queues wait for besides each other; changed() after each change of it.
  std::unique_lock<std::mutex> lock() { return std::unique_lock(mutex_); }
  void changed() { changed_.notify_all(); }
  /// Waits, with the lock, until `done`; false after `patience`.
  bool await(std::unique_lock<std::mutex>& lock, std::chrono::milliseconds patience,
             const std::function<bool()>& done);

  /// Calls that a capture forbids to the thread that captures.
  void begin_capture();
  void end_capture();
  bool captures();

 private:
  using Lock = std::unique_lock<std::mutex>;
  bool advance(Queue& queue, Lock& lock);
  bool advance_for(Queue& queue, Lock& lock);
  bool advance_others(const Queue& queue, Lock& lock);
  void advance_some(Lock& lock);
  Clock clock_at(const Place& place) const;
  void follow(Queue& queue, const Place& place);
  void host_waited(const Place& place);

  const Order order_;
  const env::RealClock clock_;
  std::mutex mutex_;  // Guards what follows, the queues, and whatever exchanges share.
  std::condition_variable changed_;
  env::KeyedRandom random_;
  std::vector<std::shared_ptr<Queue>> queues_;
  std::vector<std::thread::id> capturing_;
  uint64_t queue_count_ = 0;  // Ever made.
  Clock host_follows_;        // What any thread has waited for.
  uint64_t waits_of_host_ = 0;
  std::map<uint32_t, Accesses> accesses_;  // By card.
};

}  // namespace thespis::gpu::emulation
