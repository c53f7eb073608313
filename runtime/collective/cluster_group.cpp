#include "runtime/collective/cluster_group.hpp"

#include <caf/all.hpp>

#include <algorithm>

#include "runtime/base/assert.hpp"
#include "runtime/collective/rank_endpoint.hpp"

namespace thespis::collective {
namespace {

/// One operation as one rank sees it.
class Operation {
 public:
  Operation(RankMailbox& mailbox, const caf::actor& endpoint, uint64_t number,
            std::span<const ConstBytes> send, std::span<const Bytes> receive,
            const std::string& what)
      : mailbox_(mailbox),
        endpoint_(endpoint),
        number_(number),
        send_(send),
        receive_(receive),
        what_(what),
        given_(send.size()),
        got_(send.size()),
        all_given_(send.size()),
        all_got_(send.size()) {
    all_given_[me()] = all_got_[me()] = true;
  }

  /// Until all is given and got; throws why not.
  void run() {
    std::unique_lock lock(mailbox_.mutex);
    mailbox_.at = what_;
    auto progress_at = mailbox_.now();
    while (!done()) {
      if (mailbox_.failure) raise();
      if (take() || give(lock)) {
        progress_at = mailbox_.now();
        continue;
      }
      const auto waited = mailbox_.now() - progress_at;
      if (waited >= mailbox_.options.deadline) {
        const RankLost lost =
            rank_missing(missing(), what_, env::seconds(mailbox_.options.deadline));
        fail({lost.rank(), lost.what()});
        continue;
      }
      const auto lacking = missing();
      mailbox_.waits_for = static_cast<uint32_t>(std::count(lacking.begin(), lacking.end(), true));
      mailbox_.changed.wait_for(lock, mailbox_.options.deadline - waited);
      mailbox_.waits_for = 0;
    }
    mailbox_.at.clear();
  }

 private:
  uint32_t me() const { return mailbox_.options.rank; }
  bool done() const {
    const auto all = [](const std::vector<bool>& of) {
      return std::find(of.begin(), of.end(), false) == of.end();
    };
    return all(all_given_) && all(all_got_);
  }
  std::vector<bool> missing() const {
    std::vector<bool> ranks;
    for (uint32_t r = 0; r < send_.size(); ++r) ranks.push_back(!all_given_[r] || !all_got_[r]);
    return ranks;
  }
  [[noreturn]] void raise() const {
    const GroupFailure& failure = *mailbox_.failure;
    if (failure.lost) throw RankLost(*failure.lost, failure.text);
    throw Error(failure.text);
  }
  void fail(GroupFailure why) {
    if (mailbox_.failure) return;
    mailbox_.failure = why;
    tell(endpoint_, mailbox_.options.group, why);
  }

  /// Copies what has come. True where something had.
  bool take() {
    bool some = false;
    for (uint32_t r = 0; r < receive_.size(); ++r) {
      const auto found = mailbox_.arrivals.find({number_, r});
      if (found == mailbox_.arrivals.end()) continue;
      for (const RankMailbox::Arrival& arrival : found->second) read(r, arrival);
      mailbox_.arrivals.erase(found);
      some = true;
    }
    return some;
  }

  void read(uint32_t from, const RankMailbox::Arrival& arrival) {
    const auto view = arrival.part.read();
    const capnp::Data::Reader bytes = view->getBytes();
    const Bytes place = receive_[from];
    const std::string theirs(view->getWhat().cStr(), view->getWhat().size());
    const std::string names = "rank " + std::to_string(from);
    if (theirs != what_)
      return fail({std::nullopt, names + " is at \"" + theirs + "\" where rank " +
                                     std::to_string(me()) + " is at \"" + what_ + "\""});
    if (view->getTotal() != place.size() || view->getOffset() != got_[from] ||
        bytes.size() > place.size() - got_[from])
      return fail({std::nullopt, "\"" + what_ + "\": " + names + " gives " +
                                     std::to_string(view->getTotal()) + " bytes where rank " +
                                     std::to_string(me()) + " awaits " +
                                     std::to_string(place.size())});
    const auto* begin = reinterpret_cast<const std::byte*>(bytes.begin());
    std::copy_n(begin, bytes.size(), place.begin() + static_cast<ptrdiff_t>(got_[from]));
    got_[from] += bytes.size();
    all_got_[from] = got_[from] == place.size();
    caf::anon_send(endpoint_, read_atom::value, arrival.ticket);
  }

  /// Sends what fits the windows. True where something did.
  bool give(std::unique_lock<std::mutex>& lock) {
    bool some = false;
    for (uint32_t r = 0; r < send_.size(); ++r) {
      if (all_given_[r] || mailbox_.unread[r] >= ClusterGroup::kWindow) continue;
      ++mailbox_.unread[r];
      lock.unlock();
      send_part(r);
      lock.lock();
      some = true;
    }
    return some;
  }

  void send_part(uint32_t to) {
    const uint64_t size =
        std::min<uint64_t>(ClusterGroup::kPartBytes, send_[to].size() - given_[to]);
    const auto* begin = reinterpret_cast<const capnp::byte*>(send_[to].data()) + given_[to];
    const auto part = Part::build(
        [&](wire::RankPiece::Builder out) {
          out.setGroup(mailbox_.options.group);
          out.setOperation(number_);
          out.setFrom(me());
          out.setTo(to);
          out.setWhat(what_);
          out.setOffset(given_[to]);
          out.setTotal(send_[to].size());
          out.setBytes(capnp::Data::Reader(begin, size));
        },
        size / sizeof(capnp::word) + 256);
    given_[to] += size;
    all_given_[to] = given_[to] == send_[to].size();
    caf::anon_send(endpoint_, part_atom::value, part);
  }

 public:
  static void tell(const caf::actor& endpoint, uint64_t group, const GroupFailure& why) {
    caf::anon_send(endpoint, rank_atom::value,
                   FailureNote::build([&](wire::RankFailure::Builder note) {
                     note.setGroup(group);
                     note.setLost(why.lost.has_value());
                     note.setRank(why.lost.value_or(0));
                     note.setText(why.text);
                   }));
  }

 private:
  RankMailbox& mailbox_;
  const caf::actor& endpoint_;
  const uint64_t number_;
  const std::span<const ConstBytes> send_;
  const std::span<const Bytes> receive_;
  const std::string& what_;
  std::vector<uint64_t> given_, got_;      // Bytes, by rank.
  std::vector<bool> all_given_, all_got_;  // An empty piece is one part as well.
};

class Member final : public Communicator {
 public:
  Member(std::shared_ptr<RankMailbox> mailbox, caf::actor endpoint)
      : mailbox_(std::move(mailbox)), endpoint_(std::move(endpoint)) {}
  uint32_t rank() const override { return mailbox_->options.rank; }
  uint32_t size() const override { return mailbox_->options.size; }
  void exchange(std::span<const ConstBytes> send, std::span<const Bytes> receive,
                const std::string& what) override {
    THESPIS_ASSERT(send.size() == size() && receive.size() == size());
    THESPIS_ASSERT(send[rank()].size() == receive[rank()].size());
    std::copy(send[rank()].begin(), send[rank()].end(), receive[rank()].begin());
    Operation(*mailbox_, endpoint_, next_++, send, receive, what).run();
  }
  void abort(const std::string& why) override {
    const GroupFailure failure{std::nullopt, "rank " + std::to_string(rank()) + " of " +
                                                 std::to_string(size()) + " gave up: " + why};
    if (mailbox_->fail(failure)) Operation::tell(endpoint_, mailbox_->options.group, failure);
  }

 private:
  const std::shared_ptr<RankMailbox> mailbox_;
  const caf::actor endpoint_;
  uint64_t next_ = 0;
};

}  // namespace

ClusterGroup::ClusterGroup(caf::actor_system& system, ClusterGroupOptions options)
    : mailbox_(std::make_shared<RankMailbox>(std::move(options))),
      endpoint_(system.spawn<RankEndpoint>(mailbox_)) {}

ClusterGroup::~ClusterGroup() {
  caf::anon_send_exit(endpoint_, caf::exit_reason::user_shutdown);
}

std::shared_ptr<Communicator> ClusterGroup::communicator() const {
  return std::make_shared<Member>(mailbox_, endpoint_);
}

void ClusterGroup::look_at_clock() {
  const std::lock_guard lock(mailbox_->mutex);
  mailbox_->changed.notify_all();
}

uint32_t ClusterGroup::waits_for() const {
  const std::lock_guard lock(mailbox_->mutex);
  return mailbox_->waits_for;
}

}  // namespace thespis::collective
