#include "gpu/attendance.hpp"

#include <algorithm>

namespace thespis::gpu {

void Attendance::joins(uint32_t member) {
  const std::lock_guard guard(mutex_);
  members_[member].joined = true;
}

bool Attendance::all_joined() const {
  const std::lock_guard guard(mutex_);
  return std::all_of(members_.begin(), members_.end(), [](const Member& m) { return m.joined; });
}

void Attendance::comes(uint32_t member, const std::string& what) {
  const std::lock_guard guard(mutex_);
  ++members_[member].calls;
  members_[member].last = what;
}

void Attendance::leaves(uint32_t member) {
  const std::lock_guard guard(mutex_);
  members_[member].left = true;
}

void Attendance::gives_up(uint32_t member, const std::string& why) {
  const std::lock_guard guard(mutex_);
  if (members_[member].failure.empty()) members_[member].failure = why;
}

bool Attendance::has_given_up(uint32_t member) const {
  const std::lock_guard guard(mutex_);
  return members_[member].left || !members_[member].failure.empty();
}

Attendance::Absence Attendance::missing(uint32_t member) const {
  const std::lock_guard guard(mutex_);
  Absence absence{member, ""};
  for (uint32_t r = 0; r < members_.size(); ++r) {
    const Member& other = members_[r];
    if (other.joined && other.calls >= members_[member].calls) continue;
    if (absence.why.empty()) absence.member = r;
    absence.why += (absence.why.empty() ? "member " : "; member ") + std::to_string(r) +
                   " is missing: it " +
                   (!other.joined      ? "has not joined"
                    : other.calls == 0 ? "has called nothing yet"
                                       : "was last at " + other.last);
  }
  if (absence.why.empty()) absence.why = "all members have come: a card or a link does not answer";
  return absence;
}

std::optional<Attendance::Absence> Attendance::lost(uint32_t member) const {
  const std::lock_guard guard(mutex_);
  for (uint32_t r = 0; r < members_.size(); ++r) {
    const Member& other = members_[r];
    if (r == member) continue;
    const std::string name = "member " + std::to_string(r);
    if (!other.failure.empty() && other.calls <= members_[member].calls)
      return Absence{r, name + " gave up: " + other.failure};
    if (other.left && other.calls < members_[member].calls)
      return Absence{r, name + " has left" + (other.calls == 0 ? "" : " after " + other.last)};
  }
  return {};
}

}  // namespace thespis::gpu
