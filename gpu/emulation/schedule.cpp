#include "gpu/emulation/schedule.hpp"

#include <algorithm>

#include "gpu/emulation/exchange.hpp"
#include "runtime/base/assert.hpp"
#include "runtime/base/error.hpp"

namespace thespis::gpu::emulation {
namespace {

constexpr std::chrono::minutes kPatience{1};
// Of kRandom: one call in so many lets something run, up to so many steps.
constexpr uint32_t kCallsPerTurn = 4, kStepsMax = 16;

}  // namespace

Schedule::Schedule(const CardOptions& options)
    : order_(options.order), random_(options.seed, env::Purpose::kSimulation, 0) {}

std::shared_ptr<Queue> Schedule::make_queue(uint32_t card) {
  const std::lock_guard guard(mutex_);
  return queues_.emplace_back(std::make_shared<Queue>(card, queue_count_++));
}

void Schedule::remove(const std::shared_ptr<Queue>& queue) {
  run_to(end_of(queue));
  const std::lock_guard guard(mutex_);
  std::erase(queues_, queue);
}

Place Schedule::add(const std::shared_ptr<Queue>& queue, Step step) {
  Lock lock(mutex_);
  const Place place{queue, queue->end() + 1};
  follow(*queue, step.after);
  accesses_[queue->card].add(queue->number, place.done, queue->follows.rbegin()->second, step.uses,
                             step.what);
  queue->steps.push_back(std::move(step));
  changed();  // For whoever waits for an exchange with this queue.
  if (order_ == Order::kRandom && random_.below(kCallsPerTurn) == 0) advance_some(lock);
  return place;
}

Place Schedule::end_of(const std::shared_ptr<Queue>& queue) {
  const std::lock_guard guard(mutex_);
  return {queue, queue->end()};
}

bool Schedule::run_to(const Place& place, std::chrono::milliseconds patience,
                      const std::function<bool()>& is_hopeless) {
  if (place.queue == nullptr) return true;
  Lock lock(mutex_);
  Queue& queue = *place.queue;
  auto moved = clock_.now();
  while (queue.done < place.done) {
    const bool before = order_ == Order::kOthersFirst && advance_others(queue, lock);
    if (order_ == Order::kRandom && random_.below(2) == 0) advance_some(lock);
    if (queue.done >= place.done) break;
    if (advance(queue, lock) || before) {
      moved = clock_.now();
      continue;
    }
    const auto left = moved + patience - clock_.now();
    if (left <= left.zero() || is_hopeless()) return false;
    const uint64_t had = queue.done;
    changed_.wait_for(lock, left);
    if (queue.done != had || queue.runs) moved = clock_.now();
  }
  host_waited(place);
  return true;
}

/// All that `place` comes after, its own queue's steps included.
Clock Schedule::clock_at(const Place& place) const {
  const auto& follows = place.queue->follows;
  Clock clock = std::prev(follows.lower_bound(std::max<uint64_t>(place.done, 1)))->second;
  clock[place.queue->number] = place.done;
  return clock;
}

/// Whatever is added to `queue` next comes after `place`, and after what the host has waited for.
void Schedule::follow(Queue& queue, const Place& place) {
  const bool host = queue.waits_of_host != waits_of_host_;
  if (!host && (place.queue == nullptr || place.queue.get() == &queue)) return;
  Clock clock = queue.follows.rbegin()->second;
  if (host) join(clock, host_follows_);
  if (place.queue != nullptr) join(clock, clock_at(place));
  queue.waits_of_host = waits_of_host_;
  queue.follows[queue.end()] = std::move(clock);
}

void Schedule::host_waited(const Place& place) {
  if (join(host_follows_, clock_at(place))) ++waits_of_host_;
}

void Schedule::forget(uint32_t card, const void* at, size_t bytes) {
  const std::lock_guard guard(mutex_);
  accesses_[card].forget(static_cast<const char*>(at), bytes);
}

void Schedule::run_to(const Place& place) {
  if (!run_to(place, kPatience))
    throw Error("emulated card: a stream waits for work that never comes");
}

void Schedule::run_card(uint32_t card) {
  std::vector<Place> ends;
  {
    const std::lock_guard guard(mutex_);
    for (const auto& queue : queues_)
      if (queue->card == card) ends.push_back({queue, queue->end()});
  }
  for (const Place& end : ends) run_to(end);
}

bool Schedule::uses(HostRange range) {
  const auto* begin = static_cast<const char*>(range.at);
  const std::lock_guard guard(mutex_);
  return std::any_of(queues_.begin(), queues_.end(), [&](const auto& queue) {
    return std::any_of(queue->steps.begin(), queue->steps.end(), [&](const Step& step) {
      const auto* at = static_cast<const char*>(step.host.at);
      return at >= begin && at < begin + range.bytes;
    });
  });
}

bool Schedule::await(std::unique_lock<std::mutex>& lock, std::chrono::milliseconds patience,
                     const std::function<bool()>& done) {
  return changed_.wait_for(lock, patience, done);
}

/// One step of the queue, or of what it waits for; false where nothing can move now.
bool Schedule::advance(Queue& queue, Lock& lock) {
  if (queue.steps.empty() || queue.runs || queue.visited) return false;
  const Step& step = queue.steps.front();  // Stays where it is while others are added.
  const bool waits = step.after.queue != nullptr && step.after.queue->done < step.after.done;
  if (waits || (step.exchange != nullptr && !step.exchange->complete())) {
    queue.visited = true;
    const bool moved = waits ? advance(*step.after.queue, lock) : advance_for(queue, lock);
    queue.visited = false;
    return moved;
  }
  if (step.finds)
    accesses_[queue.card].add(queue.number, queue.done + 1,
                              std::prev(queue.follows.upper_bound(queue.done))->second,
                              step.finds(), step.what);
  queue.runs = true;
  if (step.work) {
    lock.unlock();
    step.work();
    lock.lock();
  }
  queue.steps.pop_front();
  queue.runs = false;
  ++queue.done;
  changed();
  return true;
}

/// A step of some queue that has an exchange with this one.
bool Schedule::advance_for(Queue& queue, Lock& lock) {
  const auto meeting = queue.steps.front().exchange->meeting();
  for (size_t i = 0; i < queues_.size(); ++i) {
    const std::shared_ptr<Queue> other = queues_[i];  // The list may change meanwhile.
    const bool meets = std::any_of(other->steps.begin(), other->steps.end(), [&](const Step& step) {
      return step.exchange != nullptr && step.exchange->meeting() == meeting;
    });
    if (meets && advance(*other, lock)) return true;
  }
  return false;
}

bool Schedule::advance_others(const Queue& queue, Lock& lock) {
  bool moved = false;
  for (size_t i = 0; i < queues_.size(); ++i) {
    const std::shared_ptr<Queue> other = queues_[i];
    if (other.get() == &queue) continue;
    while (advance(*other, lock)) moved = true;
  }
  return moved;
}

void Schedule::advance_some(Lock& lock) {
  const std::shared_ptr<Queue> queue =
      queues_[random_.below(static_cast<uint32_t>(queues_.size()))];
  for (uint32_t steps = 1 + random_.below(kStepsMax); steps > 0; --steps)
    if (!advance(*queue, lock)) return;
}

void Schedule::begin_capture() {
  const std::lock_guard guard(mutex_);
  capturing_.push_back(std::this_thread::get_id());
}

void Schedule::end_capture() {
  const std::lock_guard guard(mutex_);
  std::erase(capturing_, std::this_thread::get_id());
}

bool Schedule::captures() {
  const std::lock_guard guard(mutex_);
  return std::count(capturing_.begin(), capturing_.end(), std::this_thread::get_id()) > 0;
}

}  // namespace thespis::gpu::emulation
