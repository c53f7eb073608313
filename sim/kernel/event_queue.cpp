#include "sim/kernel/event_queue.hpp"

#include <algorithm>
#include <utility>

#include "runtime/base/error.hpp"

namespace thespis::sim {

void EventQueue::at(Nanoseconds when, Action action) {
  if (events_.size() >= kEventsMax)
    throw Error("simulation: more than " + std::to_string(kEventsMax) + " events wait");
  events_.push_back({std::max(when, now_), next_number_++, std::move(action)});
  std::push_heap(events_.begin(), events_.end(), Later{});
  size_max_ = std::max(size_max_, events_.size());
}

bool EventQueue::step() {
  if (events_.empty()) return false;
  std::pop_heap(events_.begin(), events_.end(), Later{});
  Event event = std::move(events_.back());
  events_.pop_back();
  now_ = event.when;
  ++count_;
  event.action();
  return true;
}

}  // namespace thespis::sim
