#include "actors/pool/pool.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "runtime/base/assert.hpp"
#include "runtime/env/mutant.hpp"

namespace thespis {

std::optional<Pool::Ticket> Pool::offer(uint64_t size_bytes) {
  if (size_bytes > room() && !THESPIS_MUTANT(pool_ignores_its_limit)) return std::nullopt;
  const Ticket ticket = next_ticket_++;
  jobs_.emplace(ticket, Job{size_bytes, 0, std::nullopt});
  waiting_.push_back(ticket);
  waiting_bytes_ += size_bytes;
  return ticket;
}

uint64_t Pool::room() const {
  return limits_.queue_bytes_max - std::min(limits_.queue_bytes_max, waiting_bytes_);
}

bool Pool::cancel(Ticket ticket) {
  const auto it = jobs_.find(ticket);
  if (it == jobs_.end()) return false;
  if (it->second.worker) {
    release(it->second);
  } else {
    waiting_bytes_ -= it->second.size_bytes;
    std::erase(waiting_, ticket);
  }
  jobs_.erase(it);
  return true;
}

Pool::WorkerId Pool::add_worker(uint32_t credit) {
  const WorkerId id = next_worker_++;
  hold(id, workers_.emplace(id, Worker{credit, 0}).first->second, 0);
  return id;
}

Pool::Lost Pool::remove_worker(WorkerId worker, bool blame) {
  Lost lost;
  if (!workers_.contains(worker)) return lost;
  std::vector<Ticket> held;
  for (const auto& [ticket, job] : jobs_)
    if (job.worker == worker) held.push_back(ticket);
  // Youngest first, so that the oldest ends up at the head of the queue (P-4).
  for (auto ticket = held.rbegin(); ticket != held.rend(); ++ticket) {
    Job& job = jobs_.at(*ticket);
    release(job);
    if (THESPIS_MUTANT(pool_forgets_lost_jobs)) continue;
    if (!blame || THESPIS_MUTANT(pool_blames_nobody)) --job.attempt;
    const bool ended = retry_or_end(*ticket, job) == Ended::kExhausted;
    (ended ? lost.exhausted : lost.requeued).push_back(*ticket);
  }
  free_.erase(place_of(worker, workers_.at(worker)));
  workers_.erase(worker);
  return lost;
}

std::optional<Pool::Assignment> Pool::next() {
  if (waiting_.empty()) return std::nullopt;
  const Ticket ticket = waiting_.front();
  Job& job = jobs_.at(ticket);
  // Another one than failed it, if there is one.
  auto best = free_.begin();
  if (best != free_.end() && best->second == job.failed_on && std::next(best) != free_.end())
    ++best;
  if (best == free_.end()) return std::nullopt;
  const WorkerId id = best->second;
  waiting_.pop_front();
  waiting_bytes_ -= job.size_bytes;
  job.worker = id;
  ++job.attempt;
  Worker& worker = workers_.at(id);
  hold(id, worker, worker.held + 1);
  ++running_count_;
  return Assignment{ticket, id, job.attempt};
}

bool Pool::finished(Ticket ticket, uint32_t attempt) {
  const auto it = jobs_.find(ticket);
  if (it == jobs_.end() || it->second.attempt != attempt || !it->second.worker) return false;
  release(it->second);
  jobs_.erase(it);
  return true;
}

Pool::Ended Pool::failed(Ticket ticket, uint32_t attempt) {
  const auto it = jobs_.find(ticket);
  if (it == jobs_.end() || it->second.attempt != attempt || !it->second.worker)
    return Ended::kStale;
  release(it->second);
  return retry_or_end(ticket, it->second);
}

std::optional<Pool::WorkerId> Pool::worker_of(Ticket ticket) const {
  const auto it = jobs_.find(ticket);
  return it == jobs_.end() ? std::nullopt : it->second.worker;
}

Pool::Place Pool::place_of(WorkerId id, const Worker& worker) {
  return {UINT32_MAX - (worker.credit - worker.held), id};
}

void Pool::hold(WorkerId id, Worker& worker, uint32_t jobs) {
  free_.erase(place_of(id, worker));
  worker.held = jobs;
  if (worker.held < worker.credit || THESPIS_MUTANT(pool_ignores_credit))
    free_.insert(place_of(id, worker));
}

void Pool::release(Job& job) {
  const auto worker = workers_.find(*job.worker);
  THESPIS_ASSERT(worker != workers_.end() && worker->second.held > 0);
  if (!THESPIS_MUTANT(pool_leaks_credit))
    hold(worker->first, worker->second, worker->second.held - 1);
  job.failed_on = worker->first;  // Only a job that did not succeed is looked at again.
  --running_count_;
  job.worker.reset();
}

Pool::Ended Pool::retry_or_end(Ticket ticket, Job& job) {
  if (job.attempt >= limits_.attempts_max && !THESPIS_MUTANT(pool_never_gives_up)) {
    jobs_.erase(ticket);
    return Ended::kExhausted;
  }
  // A job that comes back was accepted before: it may lie over the limit, but only by what the
  // workers held, which their credit bounds.
  waiting_.push_front(ticket);
  waiting_bytes_ += job.size_bytes;
  return Ended::kRequeued;
}

}  // namespace thespis
