#pragma once
// Spreads jobs over the workers of one role, wherever they live. Decisions only: no actor, no
// clock.
//   P-1  A job is with at most one worker at a time; a worker never holds more jobs than its
//        credit.
//   P-2  A job that was accepted ends exactly once: finished, exhausted, or cancelled.
//   P-3  The bytes of waiting jobs never exceed queue_bytes_max: a job over it is refused.
//   P-4  What a lost worker held waits at the head of the queue, before younger jobs.
//   P-5  An answer from an assignment that is no longer in force is recognised and ignored.
//   P-6  A job that failed on a worker goes to another one, if one has free credit.

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

namespace thespis {

struct PoolLimits {
  uint64_t queue_bytes_max = 64u << 20;
  uint32_t attempts_max = 3;  ///< A job that failed on so many workers is given up (a poison job).
};

class Pool {
 public:
  using Ticket = uint64_t;  ///< Names a job in this pool.
  using WorkerId = uint32_t;

  struct Assignment {
    Ticket ticket;
    WorkerId worker;
    uint32_t attempt;  ///< 1 for the first worker that gets it.
  };
  enum class Ended { kStale, kRequeued, kExhausted };

  explicit Pool(PoolLimits limits) : limits_(limits) {}

  /// Accepts a job of so many bytes; nullopt: the queue is full (P-3), the caller keeps the job.
  std::optional<Ticket> offer(uint64_t size_bytes);
  /// Bytes that the queue would take now.
  uint64_t room() const;
  bool fits_ever(uint64_t size_bytes) const { return size_bytes <= limits_.queue_bytes_max; }
  /// Forgets a job, wherever it is. False: it had ended already.
  bool cancel(Ticket ticket);

  WorkerId add_worker(uint32_t credit);
  struct Lost {
    std::vector<Ticket> requeued;
    std::vector<Ticket> exhausted;  ///< They had failed too often: they have ended (P-2).
  };
  /// A worker died or left. `blame`: the loss counts as a failed attempt of the jobs it held.
  Lost remove_worker(WorkerId worker, bool blame);

  /// The next job for the worker with the most free credit, oldest job first; nullopt: none fits.
  std::optional<Assignment> next();
  /// The worker answered. False: stale (P-5).
  bool finished(Ticket ticket, uint32_t attempt);
  /// The worker could not do it, or took too long.
  Ended failed(Ticket ticket, uint32_t attempt);

  bool empty() const { return jobs_.empty(); }
  size_t waiting_count() const { return waiting_.size(); }
  uint64_t waiting_bytes() const { return waiting_bytes_; }
  size_t running_count() const { return running_count_; }
  size_t worker_count() const { return workers_.size(); }
  /// Which worker holds the job now.
  std::optional<WorkerId> worker_of(Ticket ticket) const;

 private:
  struct Job {
    uint64_t size_bytes = 0;
    uint32_t attempt = 0;
    std::optional<WorkerId> worker;
    WorkerId failed_on = 0;  ///< The last worker that did not do it.
  };
  struct Worker {
    uint32_t credit = 0;
    uint32_t held = 0;
  };
  /// Sorts those with the most free credit first, then those that came first.
  using Place = std::pair<uint32_t, WorkerId>;
  static Place place_of(WorkerId id, const Worker& worker);
  void hold(WorkerId id, Worker& worker, uint32_t jobs);
  void release(Job& job);
  Ended retry_or_end(Ticket ticket, Job& job);

  PoolLimits limits_;
  Ticket next_ticket_ = 1;
  WorkerId next_worker_ = 1;
  std::map<Ticket, Job> jobs_;
  std::map<WorkerId, Worker> workers_;
  std::set<Place> free_;  // Workers with free credit.
  std::deque<Ticket> waiting_;
  uint64_t waiting_bytes_ = 0;
  size_t running_count_ = 0;
};

}  // namespace thespis
