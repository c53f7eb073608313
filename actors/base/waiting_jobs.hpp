#pragma once
// Jobs that a worker has taken in and not begun, each with the promise of its answer.

#include <caf/all.hpp>
#include <deque>

#include "actors/base/job_key.hpp"

namespace thespis {

template <class Job>
struct WaitingJob {
  wire::Message<Job> job;
  caf::response_promise promise;
};

/// Takes the jobs of that key out and says so to whoever waits for them.
template <class Job>
void cancel_waiting(std::deque<WaitingJob<Job>>& waiting, const JobKey& key) {
  std::erase_if(waiting, [&](WaitingJob<Job>& w) {
    if (key_of(w.job) != key) return false;
    w.promise.deliver(caf::make_error(caf::sec::runtime_error, "cancelled"));
    return true;
  });
}

}  // namespace thespis
