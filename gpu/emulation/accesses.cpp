#include "gpu/emulation/accesses.hpp"

#include <algorithm>

#include "runtime/base/error.hpp"

namespace thespis::gpu::emulation {

bool join(Clock& into, const Clock& from) {
  bool is_new = false;
  for (const auto& [queue, done] : from) {
    uint64_t& known = into[queue];
    is_new = is_new || done > known;
    known = std::max(known, done);
  }
  return is_new;
}

void Accesses::cut(const char* at) {
  auto next = spans_.upper_bound(at);
  if (next == spans_.begin()) return;
  const auto round = std::prev(next);
  if (round->first == at || round->second.end <= at) return;
  spans_.emplace_hint(next, at, round->second);
  round->second.end = at;
}

void Accesses::forget(const char* at, size_t bytes) {
  cut(at);
  cut(at + bytes);
  spans_.erase(spans_.lower_bound(at), spans_.lower_bound(at + bytes));
}

void Accesses::add(uint64_t queue, uint64_t index, const Clock& clock,
                   const std::vector<Access>& uses, const std::string& what) {
  const auto require_before = [&](const std::vector<Use>& others) {
    for (const Use& other : others) {
      if (other.queue == queue) continue;
      const auto known = clock.find(other.queue);
      if (known == clock.end() || known->second < other.index)
        throw Error("emulated card: " + what + " uses memory that " + other.what +
                    " on another stream uses, and does not wait for it");
    }
  };
  for (const Access& access : uses) {
    const char* const end = access.at + access.bytes;
    cut(access.at);
    cut(end);
    auto span = spans_.lower_bound(access.at);
    for (auto it = span; it != spans_.end() && it->first < end; ++it) {
      require_before(it->second.writer);
      if (access.writes) require_before(it->second.readers);
    }
    const Use use{queue, index, what};
    if (access.writes) {
      spans_.erase(span, spans_.lower_bound(end));
      spans_.emplace(access.at, Span{end, {use}, {}});
      continue;
    }
    const char* at = access.at;
    for (; at < end; at = span->second.end, ++span) {
      if (span == spans_.end() || span->first > at) {
        const char* const gap = span == spans_.end() ? end : std::min(end, span->first);
        span = spans_.emplace_hint(span, at, Span{gap, {}, {}});
      }
      std::vector<Use>& readers = span->second.readers;
      std::erase_if(readers, [&](const Use& reader) { return reader.queue == queue; });
      readers.push_back(use);
    }
  }
}

}  // namespace thespis::gpu::emulation
