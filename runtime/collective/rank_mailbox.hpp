#pragma once
// Between a rank's endpoint actor, which hears and speaks, and the thread that computes, which
// waits in an operation: what has come, what nobody has read yet, and why the group failed.

#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runtime/collective/cluster_group.hpp"
#include "runtime/wire/message.hpp"
#include "schemas/ranks.capnp.h"

namespace thespis::collective {

using part_atom = caf::atom_constant<caf::atom("part")>;
using read_atom = caf::atom_constant<caf::atom("read")>;

/// Why a group failed.
struct GroupFailure {
  std::optional<uint32_t> lost;
  std::string text;
};

struct RankMailbox {
  /// A part, and the number under which the endpoint answers once it is read.
  struct Arrival {
    wire::Message<wire::RankPiece> part;
    uint64_t ticket;
  };
  explicit RankMailbox(ClusterGroupOptions with) : options(std::move(with)), unread(options.size) {}

  env::Nanoseconds now() const {
    return (options.clock != nullptr ? *options.clock : real_clock).now();
  }
  /// False where the group had failed already: the first cause stays.
  bool fail(GroupFailure why) {
    const std::lock_guard lock(mutex);
    if (failure) return false;
    failure = std::move(why);
    changed.notify_all();
    return true;
  }

  const ClusterGroupOptions options;
  const env::RealClock real_clock;
  std::mutex mutex;
  std::condition_variable changed;
  // By operation and sender. Bounded by the senders' windows.
  std::map<std::pair<uint64_t, uint32_t>, std::deque<Arrival>> arrivals;
  std::vector<uint32_t> unread;  // Parts under way, by receiver.
  std::optional<GroupFailure> failure;
  uint32_t waits_for = 0;  // Ranks.
  std::string at;          // The operation under way, by name; empty between two.
};

}  // namespace thespis::collective
