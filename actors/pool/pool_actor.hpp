#pragma once
// The shell round a Pool: one actor for each role. A job is a request (Message<Job>); its answer
// is the worker's (Message<Reply>) or, where it was given up, an error that says why. A full queue
// is no such error: whoever sends jobs by ask() waits until there is room.
//   Whoever sent (alarm_atom, handle) gets (alarm_atom, text) where a worker took itself out.
//   Workers join by (worker_atom, handle, credit) and leave by (leave_atom, id) or by dying.
//   Every assignment has a deadline: at its end the job goes to another worker, the first is told
//   to stop. While no worker is there at all, jobs wait up to `worker_deadline`, then fail by name;
//   where none can join any more and the last has failed, the pool ends and says why.

#include <algorithm>
#include <chrono>
#include <deque>
#include <string>
#include <unordered_map>
#include <utility>

#include "actors/base/failure.hpp"
#include "actors/base/job_key.hpp"
#include "actors/base/messages.hpp"
#include "actors/pool/ask.hpp"
#include "actors/pool/pool.hpp"
#include "runtime/env/fault.hpp"
#include "runtime/env/mutant.hpp"

namespace thespis {

struct PoolOptions {
  std::string role;
  PoolLimits limits;
  std::chrono::milliseconds job_deadline{120'000};    ///< One attempt on one worker.
  std::chrono::milliseconds worker_deadline{60'000};  ///< Without any worker.
  bool may_join = true;                               ///< Workers, later in the run.
};

template <class Job, class Reply>
class PoolActor : public caf::event_based_actor {
 public:
  PoolActor(caf::actor_config& config, PoolOptions options)
      : caf::event_based_actor(config), options_(std::move(options)), pool_(options_.limits) {
    set_down_handler([this](caf::down_msg& down) {
      const bool failed = down.reason && down.reason != caf::exit_reason::user_shutdown;
      if (failed) last_failure_ = reason_of(system(), down.reason);
      // A worker that says why it ended found itself unfit: people must hear of it.
      if (down.reason == caf::sec::runtime_error && listener_)
        send(listener_, alarm_atom::value, options_.role + ": " + last_failure_);
      const auto worker = std::find_if(workers_.begin(), workers_.end(),
                                       [&](const auto& w) { return w.second == down.source; });
      if (worker != workers_.end()) lose_worker(worker->first, /*blame=*/true);
      if (failed && workers_.empty() && !options_.may_join)
        quit(caf::make_error(caf::sec::runtime_error, nobody() + " is left" + last()));
    });
  }

  const char* name() const override { return "pool"; }

  /// Promises refer back to their actor, and who hears of alarms asks it for its queue: with them
  /// neither would ever be freed.
  void on_exit() override {
    jobs_.clear();
    wait_for_room_.clear();
    workers_.clear();
    listener_ = {};
  }

 protected:
  caf::behavior make_behavior() override {
    return {
        [this](wire::Message<Job>& job) { return accept(std::move(job)); },
        [this](worker_atom, const caf::actor& worker, uint32_t credit) {
          monitor(worker);
          const auto id = pool_.add_worker(credit);
          workers_.emplace(id, worker);
          dispatch();
          return id;
        },
        [this](alarm_atom, const caf::actor& listener) { listener_ = listener; },
        [this](leave_atom, uint32_t id) { lose_worker(id, /*blame=*/false); },
        [this](const wire::Message<wire::Cancel>& cancel) { cancel_job(cancel); },
        [this](room_atom, uint64_t size_bytes) -> caf::result<room_atom> {
          auto promise = make_response_promise();
          wait_for_room_.push_back({size_bytes, promise});
          tell_room();
          return promise;
        },
        [this](stats_atom) {
          return PoolStats{pool_.waiting_count(), pool_.waiting_bytes(), pool_.running_count(),
                           pool_.worker_count()};
        },
        [this](tick_atom, uint64_t round) { on_alone(round); },
        [this](step_atom) { dispatch(); },
    };
  }

 private:
  struct Pending {
    wire::Message<Job> message;
    caf::response_promise promise;
    std::string last_error;
  };

  struct Waiting {
    uint64_t size_bytes;
    caf::response_promise promise;
  };

  caf::result<wire::Message<Reply>> accept(wire::Message<Job> job) {
    const uint64_t size_bytes = job.size_bytes();
    const auto ticket = pool_.offer(size_bytes);
    if (!ticket) {
      const std::string limit = "the queue of role " + options_.role + " (" +
                                std::to_string(options_.limits.queue_bytes_max) + " bytes)";
      if (pool_.fits_ever(size_bytes)) return caf::make_error(kQueueFull, limit + " is full");
      return caf::make_error(caf::sec::runtime_error, "a job of " + std::to_string(size_bytes) +
                                                          " bytes does not fit into " + limit +
                                                          "; rollout.queue_bytes must be larger");
    }
    auto promise = make_response_promise();
    jobs_.emplace(*ticket, Pending{std::move(job), promise, {}});
    dispatch();
    return promise;  // Empty until the job has ended.
  }

  void dispatch() {
    if (THESPIS_FAULT(pool_dispatches_late))
      return this->delayed_send(this, std::chrono::milliseconds(500), step_atom::value);
    while (const auto a = pool_.next()) {
      const auto& pending = jobs_.at(a->ticket);
      caf::duration deadline(options_.job_deadline);
      if (THESPIS_MUTANT(pool_has_no_deadline)) deadline = caf::infinite;
      request(workers_.at(a->worker), deadline, pending.message)
          .then(
              [this, a = *a](wire::Message<Reply>& reply) {
                if (!pool_.finished(a.ticket, a.attempt)) return;
                const auto it = jobs_.find(a.ticket);
                it->second.promise.deliver(std::move(reply));
                jobs_.erase(it);
                dispatch();
              },
              [this, a = *a](const caf::error& error) {
                // The news of its death may come later than its requests' failures: what it held
                // must not be tried on it again until then.
                if (error == caf::sec::request_receiver_down ||
                    error == caf::exit_reason::remote_link_unreachable)
                  return lose_worker(a.worker, /*blame=*/true);
                fail(a,
                     error == caf::sec::request_timeout
                         ? "no answer for " + std::to_string(options_.job_deadline.count()) + " ms"
                         : reason_of(system(), error));
              });
    }
    if (pool_.waiting_count() > 0 && pool_.worker_count() == 0 && !alone_) {
      alone_ = true;
      this->delayed_send(this, options_.worker_deadline, tick_atom::value, ++alone_round_);
    }
    if (pool_.worker_count() > 0) alone_ = false;
    tell_room();
  }

  /// Wakes as many as fit. Some may have gone meanwhile: what they leave is found when the next
  /// job starts; where there is none, all are woken.
  void tell_room() {
    for (uint64_t room = pool_.room(); !wait_for_room_.empty();) {
      Waiting& first = wait_for_room_.front();
      if (first.size_bytes > room && !pool_.empty()) return;
      room -= std::min(room, first.size_bytes);
      first.promise.deliver(room_atom::value);
      wait_for_room_.pop_front();
    }
  }

  void fail(const Pool::Assignment& a, const std::string& why) {
    const auto worker = workers_.find(a.worker);
    const auto it = jobs_.find(a.ticket);
    const auto ended = pool_.failed(a.ticket, a.attempt);
    if (ended == Pool::Ended::kStale) return;
    // It may still be at it (a timeout): its answer would be ignored, so spare it the work.
    if (worker != workers_.end()) send(worker->second, cancel_of(key_of(it->second.message)));
    it->second.last_error = why;
    if (ended == Pool::Ended::kExhausted) give_up(a.ticket);
    dispatch();
  }

  void lose_worker(Pool::WorkerId id, bool blame) {
    workers_.erase(id);
    const auto lost = pool_.remove_worker(id, blame);
    for (const auto ticket : lost.exhausted) {
      jobs_.at(ticket).last_error = "its worker was lost";
      give_up(ticket);
    }
    dispatch();
  }

  void give_up(Pool::Ticket ticket) {
    const auto it = jobs_.find(ticket);
    it->second.promise.deliver(
        caf::make_error(caf::sec::runtime_error, "role " + options_.role + " gave up after " +
                                                     std::to_string(options_.limits.attempts_max) +
                                                     " attempts: " + it->second.last_error));
    jobs_.erase(it);
  }

  void cancel_job(const wire::Message<wire::Cancel>& cancel) {
    const auto wanted = key_of(cancel);
    for (auto it = jobs_.begin(); it != jobs_.end(); ++it) {
      if (key_of(it->second.message) != wanted) continue;
      if (const auto worker = pool_.worker_of(it->first)) send(workers_.at(*worker), cancel);
      pool_.cancel(it->first);
      it->second.promise.deliver(caf::make_error(caf::sec::runtime_error, "cancelled"));
      jobs_.erase(it);
      return dispatch();
    }
  }

  /// Nobody came: what waits is told so, by name, rather than left to wait for ever.
  void on_alone(uint64_t round) {
    if (!alone_ || round != alone_round_) return;
    alone_ = false;
    if (pool_.worker_count() > 0) return;
    const auto error = caf::make_error(
        caf::sec::runtime_error,
        nobody() + " for " + std::to_string(options_.worker_deadline.count()) + " ms" + last());
    while (!jobs_.empty()) {
      const auto it = jobs_.begin();
      pool_.cancel(it->first);
      it->second.promise.deliver(error);
      jobs_.erase(it);
    }
    for (Waiting& waiting : std::exchange(wait_for_room_, {})) waiting.promise.deliver(error);
  }
  std::string nobody() const { return "no worker of role " + options_.role; }
  std::string last() const {
    return last_failure_.empty() ? "" : "; the last one ended: " + last_failure_;
  }

  PoolOptions options_;
  caf::actor listener_;  // Of alarms.
  Pool pool_;
  std::unordered_map<Pool::Ticket, Pending> jobs_;
  std::unordered_map<Pool::WorkerId, caf::actor> workers_;
  std::deque<Waiting> wait_for_room_;  // Bounded by what its clients have open.
  bool alone_ = false;                 // Jobs wait and nobody is there; a tick is under way.
  uint64_t alone_round_ = 0;
  std::string last_failure_;  // Of a worker.
};

using SamplerPool = PoolActor<wire::Generate, wire::Rollout>;
using RewardPool = PoolActor<wire::Judge, wire::Verdict>;
using ReferencePool = PoolActor<wire::Score, wire::Scores>;

}  // namespace thespis
