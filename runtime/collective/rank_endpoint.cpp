#include "runtime/collective/rank_endpoint.hpp"

#include <utility>

namespace thespis::collective {
namespace {

Taken taken() {
  return Taken::build([](wire::RankTaken::Builder) {});
}

}  // namespace

RankEndpoint::RankEndpoint(caf::actor_config& config, std::shared_ptr<RankMailbox> mailbox)
    : caf::event_based_actor(config), mailbox_(std::move(mailbox)), ranks_(mailbox_->options.size) {
  set_down_handler([this](caf::down_msg& down) { on_down(down); });
}

void RankEndpoint::on_exit() {
  mailbox_->fail({std::nullopt, "the group of ranks has ended"});
  ranks_.clear();
  early_.clear();
  promises_.clear();
}

caf::behavior RankEndpoint::make_behavior() {
  if (!is_hub()) {
    ranks_.assign(ranks_.size(), mailbox_->options.hub);
    monitor(mailbox_->options.hub);
  }
  return {
      [this](const Part& part) { return on_part(part); },
      [this](const FailureNote& note) {
        const auto view = note.read();
        if (view->getGroup() != mailbox_->options.group) return;
        const auto lost = view->getLost() ? std::optional(view->getRank()) : std::nullopt;
        if (mailbox_->fail({lost, view->getText()})) spread(note);
      },
      [this](part_atom, const Part& part) { give(part, {}); },
      [this](read_atom, uint64_t ticket) {
        const auto found = promises_.find(ticket);
        if (found == promises_.end()) return;
        found->second.deliver(taken());
        promises_.erase(found);
      },
      [this](rank_atom, const FailureNote& note) { spread(note); },
      [this](rank_atom, const caf::actor& handle, uint32_t rank, bool tell) {
        add_rank(handle, rank, tell);
      },
  };
}

caf::result<Taken> RankEndpoint::on_part(const Part& part) {
  const auto view = part.read();
  const auto& options = mailbox_->options;
  if (view->getGroup() != options.group || view->getTo() >= options.size ||
      view->getFrom() >= options.size)
    return taken();
  auto promise = make_response_promise();
  if (view->getTo() != options.rank) {
    give(part, promise);
    return promise;
  }
  promises_.emplace(next_ticket_, promise);
  const std::lock_guard lock(mailbox_->mutex);
  mailbox_->arrivals[{view->getOperation(), view->getFrom()}].push_back({part, next_ticket_++});
  mailbox_->changed.notify_all();
  return promise;
}

void RankEndpoint::give(const Part& part, caf::response_promise promise) {
  const uint32_t to = part.read()->getTo();
  if (!ranks_[to]) {
    early_.emplace(to, std::pair{part, std::move(promise)});
    return;
  }
  request(ranks_[to], caf::infinite, part)
      .then(
          [this, to, promise](const Taken&) mutable {
            if (promise.pending()) return promise.deliver(taken());
            const std::lock_guard lock(mailbox_->mutex);
            --mailbox_->unread[to];
            mailbox_->changed.notify_all();
          },
          // All of another rank's parts go through the first.
          [this, to](const caf::error& error) { lose(is_hub() ? to : 0, error); });
}

void RankEndpoint::add_rank(const caf::actor& handle, uint32_t rank, bool tell) {
  ranks_[rank] = handle;
  monitor(handle);
  if (tell)
    send(handle, wire::Message<wire::RankPlace>::build([&](wire::RankPlace::Builder place) {
           place.setGroup(mailbox_->options.group);
           place.setRank(rank);
           place.setSize(mailbox_->options.size);
         }));
  const auto [first, last] = early_.equal_range(rank);
  const std::vector<std::pair<uint32_t, std::pair<Part, caf::response_promise>>> waiting(first,
                                                                                         last);
  early_.erase(first, last);
  for (const auto& [to, what] : waiting) give(what.first, what.second);
}

void RankEndpoint::on_down(const caf::down_msg& down) {
  for (uint32_t r = 0; r < ranks_.size(); ++r) {
    if (ranks_[r] && ranks_[r] == down.source) return lose(r, down.reason);
  }
}

void RankEndpoint::lose(uint32_t rank, const caf::error& reason) {
  std::string text =
      "rank " + std::to_string(rank) + " of " + std::to_string(ranks_.size()) + " is gone";
  if (reason) text += " (" + system().render(reason) + ")";
  {
    const std::lock_guard lock(mailbox_->mutex);
    if (!mailbox_->at.empty())
      text +=
          "; rank " + std::to_string(mailbox_->options.rank) + " was at \"" + mailbox_->at + "\"";
  }
  fail({rank, text});
}

void RankEndpoint::fail(GroupFailure why) {
  if (!mailbox_->fail(why)) return;
  spread(FailureNote::build([&](wire::RankFailure::Builder note) {
    note.setGroup(mailbox_->options.group);
    note.setLost(why.lost.has_value());
    note.setRank(why.lost.value_or(0));
    note.setText(why.text);
  }));
}

void RankEndpoint::spread(const FailureNote& note) {
  if (!is_hub()) return send(mailbox_->options.hub, note);
  for (const caf::actor& rank : ranks_)
    if (rank) send(rank, note);
}

}  // namespace thespis::collective
