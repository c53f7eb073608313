#include "runtime/telemetry/share.hpp"

#include <utility>

#include "runtime/base/assert.hpp"

namespace thespis::telemetry {

using env::Nanoseconds;

void Share::begin(Nanoseconds now) {
  if (active_++ == 0) changed_ = now;
}

void Share::end(Nanoseconds now) {
  THESPIS_ASSERT(active_ > 0);
  if (--active_ == 0) busy_ += now - changed_;
}

Nanoseconds Share::busy(Nanoseconds now) const {
  return active_ > 0 ? busy_ + (now - changed_) : busy_;
}

double Share::share(Nanoseconds now) const {
  const double whole = env::seconds(now - since_);
  return whole > 0 ? env::seconds(busy(now)) / whole : 0;
}

void Share::restart(Nanoseconds now) {
  since_ = changed_ = now;
  busy_ = Nanoseconds{0};
}

void WaitTally::wait_for(std::string_view whom, Nanoseconds now) {
  THESPIS_ASSERT(!whom.empty());
  if (current_ == whom) return;
  done(now);
  current_ = whom;
  since_ = now;
}

void WaitTally::done(Nanoseconds now) {
  if (!current_.empty()) sums_[std::exchange(current_, {})] += now - since_;
}

Nanoseconds WaitTally::waited(std::string_view whom, Nanoseconds now) const {
  const auto found = sums_.find(whom);
  const Nanoseconds before = found == sums_.end() ? Nanoseconds{0} : found->second;
  return current_ == whom && !whom.empty() ? before + (now - since_) : before;
}

std::string WaitTally::most(Nanoseconds now) const {
  std::string name;
  Nanoseconds longest{0};
  const auto consider = [&](const std::string& candidate) {
    const Nanoseconds total = waited(candidate, now);
    if (total < longest || total == Nanoseconds{0}) return;
    if (total == longest && candidate > name) return;
    name = candidate;
    longest = total;
  };
  for (const auto& [candidate, sum] : sums_) consider(candidate);
  consider(current_);
  return name;
}

void WaitTally::restart(Nanoseconds now) {
  sums_.clear();
  since_ = now;
}

}  // namespace thespis::telemetry
