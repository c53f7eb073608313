#pragma once
// What happened, in order: a hash over all of it (REPLAY), the last of it for people, and on demand
// the whole as a timeline.

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "runtime/env/clock.hpp"

namespace thespis::sim {

enum class Happened : uint8_t {
  kFrame,    ///< A node received a frame: a = its sender's index, b = hash of its bytes.
  kTimer,    ///< A timer of a node's actors fired.
  kWork,     ///< A node's computation ended: a = nanoseconds that it took.
  kBoot,     ///< A process started.
  kDeath,    ///< A process ended, whatever way.
  kJoined,   ///< A node joined the head.
  kLost,     ///< A node gave a peer up: a = the peer's index.
  kFault,    ///< A fault struck: `note` says which.
  kBatch,    ///< The learner got a batch: a = groups, b = first group.
  kStep,     ///< A step was done: a = its number.
  kEnded,    ///< The run ended.
  kProgress  ///< Something else worth telling: `note`.
};

class Trace {
 public:
  struct Event {
    env::Nanoseconds at;
    uint32_t node;
    Happened what;
    uint64_t a, b;
    std::string note;
  };
  struct Span {
    env::Nanoseconds begin, end;
    uint32_t node;
    std::string name;
  };

  explicit Trace(bool keeps_timeline) : keeps_timeline_(keeps_timeline) {}
  void add(env::Nanoseconds at, uint32_t node, Happened what, uint64_t a = 0, uint64_t b = 0,
           std::string note = {});
  /// Counts without keeping: messages that actors handled.
  void handled(uint64_t messages) { messages_ += messages; }
  void span(env::Nanoseconds begin, env::Nanoseconds end, uint32_t node, const std::string& name);

  uint64_t hash() const { return hash_; }
  uint64_t messages() const { return messages_; }
  /// The last events that tell something (faults, losses, steps), oldest first; the rest is noise.
  std::vector<std::string> last(const std::vector<std::string>& node_names) const;
  /// Chrome's trace event format, which Perfetto opens.
  std::string timeline(const std::vector<std::string>& node_names) const;

 private:
  static constexpr size_t kLastMax = 40, kTimelineMax = 2'000'000;
  void mix(uint64_t value);

  const bool keeps_timeline_;
  uint64_t hash_ = 0xcbf29ce484222325u;
  uint64_t messages_ = 0;
  std::deque<Event> last_;
  std::vector<Event> timeline_;
  std::vector<Span> spans_;
};

}  // namespace thespis::sim
