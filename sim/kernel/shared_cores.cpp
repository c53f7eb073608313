#include "sim/kernel/shared_cores.hpp"

#include <algorithm>
#include <utility>

namespace thespis::sim {

void SharedCores::run(double seconds, std::function<void()> done) {
  settle();
  jobs_.push_back({seconds, std::move(done)});
  arm();
}

void SharedCores::clear() {
  jobs_.clear();
  ++round_;
}

/// Takes off what each has computed since the last change.
void SharedCores::settle() {
  const double passed = env::seconds(queue_.now() - since_);
  since_ = queue_.now();
  for (Job& job : jobs_) job.left_s -= passed / static_cast<double>(jobs_.size());
}

void SharedCores::arm() {
  if (jobs_.empty()) return;
  double least = jobs_.front().left_s;
  for (const Job& job : jobs_) least = std::min(least, job.left_s);
  const double takes = std::max(least, 0.0) * static_cast<double>(jobs_.size());
  // A nanosecond more than it takes: rounding never leaves a rest.
  queue_.after(duration(takes) + Nanoseconds(1), [this, round = ++round_] {
    if (round != round_) return;
    settle();
    std::vector<std::function<void()>> done;
    for (Job& job : jobs_)
      if (job.left_s <= 0) done.push_back(std::move(job.done));
    std::erase_if(jobs_, [](const Job& job) { return job.left_s <= 0; });
    arm();
    for (const auto& tell : done) tell();
  });
}

}  // namespace thespis::sim
