#pragma once
// A rank's actor: brings parts from its thread to other ranks and from them to its mailbox; that of
// the first rank passes on what is for others.

#include <caf/all.hpp>
#include <deque>
#include <map>
#include <memory>
#include <vector>

#include "runtime/collective/rank_mailbox.hpp"

namespace thespis::collective {

using Part = wire::Message<wire::RankPiece>;
using Taken = wire::Message<wire::RankTaken>;
using FailureNote = wire::Message<wire::RankFailure>;

class RankEndpoint : public caf::event_based_actor {
 public:
  RankEndpoint(caf::actor_config& config, std::shared_ptr<RankMailbox> mailbox);
  const char* name() const override { return "rank"; }
  /// Fails the group. Promises refer back to their actor: with them it would never be freed.
  void on_exit() override;

 protected:
  caf::behavior make_behavior() override;

 private:
  bool is_hub() const { return mailbox_->options.rank == 0; }
  caf::result<Taken> on_part(const Part& part);
  void give(const Part& part, caf::response_promise promise);
  void add_rank(const caf::actor& handle, uint32_t rank, bool tell);
  void on_down(const caf::down_msg& down);
  void lose(uint32_t rank, const caf::error& reason);
  void fail(GroupFailure why);
  void spread(const FailureNote& note);

  const std::shared_ptr<RankMailbox> mailbox_;
  std::vector<caf::actor> ranks_;  // The hub's: by rank, as far as they have come.
  // For ranks that have not come yet; bounded by the senders' windows.
  std::multimap<uint32_t, std::pair<Part, caf::response_promise>> early_;
  std::map<uint64_t, caf::response_promise> promises_;  // Of parts in the mailbox, by ticket.
  uint64_t next_ticket_ = 0;
};

}  // namespace thespis::collective
