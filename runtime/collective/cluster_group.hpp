#pragma once
// Ranks in several processes, over whatever carries messages between their actors: each rank has an
// endpoint actor, and all of them talk through the first rank's.
//   CG-1  A rank has at most kWindow unread parts of kPartBytes under way to another, whatever the
//         size of an operation.
//   CG-2  A rank whose process is gone fails the group at once, a silent one at the deadline.
//   CG-3  What was said in another group is answered and ignored: an earlier life does not disturb.

#include <caf/actor.hpp>
#include <caf/atom.hpp>
#include <caf/fwd.hpp>

#include <chrono>
#include <cstdint>
#include <memory>

#include "runtime/collective/communicator.hpp"
#include "runtime/env/clock.hpp"

namespace thespis::collective {

struct RankMailbox;

struct ClusterGroupOptions {
  uint64_t group = 0;  ///< Its number, never used before.
  uint32_t rank = 0;
  uint32_t size = 1;
  caf::actor hub;  ///< The first rank's endpoint, for all others.
  std::chrono::nanoseconds deadline = std::chrono::seconds(60);  ///< Without any progress.
  const env::Clock* clock = nullptr;  ///< None: the real one. Outlives the group.
};

using rank_atom = caf::atom_constant<caf::atom("rank")>;

/// This process's end of one rank. Its end fails the group.
class ClusterGroup {
 public:
  static constexpr uint64_t kPartBytes = uint64_t{1} << 20;
  static constexpr uint32_t kWindow = 8;

  ClusterGroup(caf::actor_system& system, ClusterGroupOptions options);
  ~ClusterGroup();
  ClusterGroup(const ClusterGroup&) = delete;
  ClusterGroup& operator=(const ClusterGroup&) = delete;

  /// Takes RankPiece and RankFailure. That of the first rank also takes (rank_atom, handle, rank,
  /// tell) for each other rank: where it is, and whether it is to get a RankPlace.
  const caf::actor& endpoint() const { return endpoint_; }
  /// Operations wait for ranks that are not there yet. May outlive this object.
  std::shared_ptr<Communicator> communicator() const;
  /// Whoever waits looks at the clock again: for a clock that was moved by hand.
  void look_at_clock();
  /// Of how many others an operation lacks something at the moment; 0 where none waits.
  uint32_t waits_for() const;

 private:
  std::shared_ptr<RankMailbox> mailbox_;
  caf::actor endpoint_;
};

}  // namespace thespis::collective
