// Ranks behind actors (CG-1 to CG-3, CM-1, CM-2): pieces larger than any window arrive whole, every
// way to fail is heard by all, an earlier group does not disturb. Two of the ranks of one test live
// on nodes of their own.

#include "runtime/collective/cluster_group.hpp"

#include <catch2/catch_test_macros.hpp>

#include "runtime/env/random.hpp"
#include "schemas/ranks.capnp.h"
#include "tests/runtime/cluster/test_node.hpp"
#include "tests/support/hand_clock.hpp"
#include "tests/support/ranks.hpp"
#include "tests/support/seeds.hpp"

using namespace thespis;
using namespace thespis::collective;
using test::run_ranks;

namespace {

/// All ranks of a group in one actor system.
class Ranks {
 public:
  explicit Ranks(uint32_t count, const env::Clock* clock = nullptr)
      : config_(cluster::ActorConfig::Scheduling::kThreads, 2), system_(config_) {
    for (uint32_t r = 0; r < count; ++r) {
      groups_.push_back(std::make_unique<ClusterGroup>(
          system_, ClusterGroupOptions{.group = 7,
                                       .rank = r,
                                       .size = count,
                                       .hub = r == 0 ? caf::actor{} : groups_[0]->endpoint(),
                                       .deadline = std::chrono::seconds(30),
                                       .clock = clock}));
      communicators_.push_back(groups_.back()->communicator());
      if (r > 0)
        caf::anon_send(groups_[0]->endpoint(), rank_atom::value, groups_[r]->endpoint(), r, false);
    }
  }
  Communicator& operator[](uint32_t r) { return *communicators_[r]; }
  ClusterGroup& group(uint32_t r) { return *groups_[r]; }
  /// The end of a rank's process, as the others see it.
  void end(uint32_t r) { caf::anon_send_exit(groups_[r]->endpoint(), caf::exit_reason::kill); }
  /// Whether all others wait for this one alone.
  bool all_wait_for(uint32_t one) const {
    for (uint32_t r = 0; r < groups_.size(); ++r)
      if (r != one && groups_[r]->waits_for() != 1) return false;
    return true;
  }
  void look_at_clock() {
    for (const auto& group : groups_) group->look_at_clock();
  }

 private:
  cluster::ActorConfig config_;
  caf::actor_system system_;
  std::vector<std::unique_ptr<ClusterGroup>> groups_;
  std::vector<std::shared_ptr<Communicator>> communicators_;
};

/// Exchanges pieces of random sizes, most of them small, and checks what comes.
void exchange_random(Communicator& me, uint64_t operations) {
  const auto piece = [&](uint64_t k, uint32_t a, uint32_t b) {
    env::KeyedRandom random(test::seed(), env::Purpose::kData, (k * me.size() + a) * 64 + b);
    const uint64_t size = random.below(4) == 0 ? random.below(3 * ClusterGroup::kPartBytes)
                                               : random.below(3) * random.below(2000);
    std::vector<std::byte> bytes(size);
    for (uint64_t i = 0; i < size; i += 1 + i / 8)
      bytes[i] = static_cast<std::byte>(random.below(256));
    return bytes;
  };
  for (uint64_t k = 0; k < operations; ++k) {
    std::vector<std::vector<std::byte>> out, in;
    std::vector<ConstBytes> send;
    std::vector<Bytes> receive;
    for (uint32_t r = 0; r < me.size(); ++r) {
      out.push_back(piece(k, me.rank(), r));
      in.emplace_back(piece(k, r, me.rank()).size());
    }
    for (uint32_t r = 0; r < me.size(); ++r) {
      send.emplace_back(out[r]);
      receive.emplace_back(in[r]);
    }
    me.exchange(send, receive, "operation " + std::to_string(k));
    for (uint32_t r = 0; r < me.size(); ++r)
      if (in[r] != piece(k, r, me.rank())) throw Error("a piece is not what was sent");
  }
}

}  // namespace

TEST_CASE("cluster group: pieces of any size go to whom they are for") {
  for (const uint32_t count : {1u, 2u, 4u}) {
    Ranks ranks(count);
    for (const auto& ended : run_ranks(count, [&](uint32_t r) { exchange_random(ranks[r], 12); }))
      CHECK(ended.error.empty());
  }
}

TEST_CASE("cluster group: a piece larger than the window") {
  Ranks ranks(3);
  const auto ended = run_ranks(3, [&](uint32_t r) {
    std::vector<std::byte> bytes(3 * ClusterGroup::kWindow * ClusterGroup::kPartBytes + 5,
                                 static_cast<std::byte>(r + 1));
    ranks[r].broadcast(bytes, 1, "weights");
    if (bytes != std::vector<std::byte>(bytes.size(), std::byte(2))) throw Error("broadcast");
    if (ranks[r].all_gather_text(std::string(r, 'x'), "texts")[2] != "xx") throw Error("texts");
  });
  for (const auto& result : ended) CHECK(result.error.empty());
}

TEST_CASE("cluster group: a rank that never comes is named within the deadline") {
  test::HandClock clock;
  Ranks ranks(4, &clock);
  const auto results = run_ranks(5, [&](uint32_t r) {
    if (r < 4 && r != 2) ranks[r].barrier("gradients of step 17");
    if (r != 4) return;
    while (!ranks.all_wait_for(2)) std::this_thread::yield();
    clock.pass(std::chrono::seconds(31));
    ranks.look_at_clock();
  });
  for (const uint32_t r : {0u, 1u, 3u}) {
    CHECK(results[r].lost);
    CHECK(results[r].lost_rank == 2);
    CHECK(results[r].error ==
          "rank 2 of 4 did not reach \"gradients of step 17\" within 30 s; ranks 0, 1, 3 wait");
  }
  for (const uint32_t r : {0u, 1u, 3u})
    CHECK(test::ended([&] { ranks[r].barrier("later"); }).error == results[0].error);
  // The late one hears of it as soon as the note is there; until then it finds the others' parts.
  CHECK(test::eventually([&] {
    return test::ended([&] { ranks[2].barrier("gradients of step 17"); }).error == results[0].error;
  }));
}

TEST_CASE("cluster group: a rank whose process ends fails the others at once") {
  for (const uint32_t gone : {0u, 2u}) {
    Ranks ranks(3);
    const auto results = run_ranks(3, [&](uint32_t r) {
      if (r != gone) return ranks[r].barrier("step 5");
      while (!ranks.all_wait_for(gone)) std::this_thread::yield();
      ranks.end(gone);
    });
    for (uint32_t r = 0; r < 3; ++r) {
      if (r == gone) continue;
      CHECK(results[r].lost);
      CHECK(results[r].lost_rank == gone);
      CHECK(results[r].error.starts_with("rank " + std::to_string(gone) + " of 3 is gone ("));
      CHECK(results[r].error.ends_with("was at \"step 5\""));
    }
  }
}

TEST_CASE("cluster group: a rank that gives up, ranks that disagree") {
  Ranks three(3);
  const auto results = run_ranks(3, [&](uint32_t r) {
    if (r != 1) return three[r].barrier("step 5");
    while (!three.all_wait_for(1)) std::this_thread::yield();
    three[r].abort("no memory");
  });
  for (const uint32_t r : {0u, 2u}) {
    CHECK_FALSE(results[r].lost);
    CHECK(results[r].error == "rank 1 of 3 gave up: no memory");
  }
  Ranks two(2);
  for (const auto& result :
       run_ranks(2, [&](uint32_t r) { two[r].barrier(r == 0 ? "norms" : "weights"); })) {
    CHECK(result.error.find("\"norms\"") != std::string::npos);
    CHECK(result.error.find("\"weights\"") != std::string::npos);
  }
}

TEST_CASE("cluster group: what an earlier group says is answered and ignored") {
  Ranks ranks(2);
  test::TestNode node;
  caf::scoped_actor self(node.system);
  const auto old = wire::Message<wire::RankPiece>::build([](wire::RankPiece::Builder piece) {
    piece.setGroup(6);
    piece.setFrom(1);
    piece.setTotal(3);
  });
  bool answered = false;
  self->request(ranks.group(0).endpoint(), test::kGenerous, old)
      .receive([&](const wire::Message<wire::RankTaken>&) { answered = true; },
               [](const caf::error&) {});
  CHECK(answered);
  caf::anon_send(ranks.group(0).endpoint(),
                 wire::Message<wire::RankFailure>::build([](wire::RankFailure::Builder failure) {
                   failure.setGroup(6);
                   failure.setText("of long ago");
                 }));
  for (const auto& ended : run_ranks(2, [&](uint32_t r) { exchange_random(ranks[r], 3); }))
    CHECK(ended.error.empty());
}

TEST_CASE("cluster group: ranks on nodes of their own") {
  test::TestNode first, second, third;
  const auto options = [](uint32_t rank, caf::actor hub) {
    return ClusterGroupOptions{.group = 1, .rank = rank, .size = 3, .hub = std::move(hub)};
  };
  auto hub = std::make_unique<ClusterGroup>(first.system, options(0, {}));
  first.cluster->set_front(hub->endpoint());
  std::vector<std::unique_ptr<ClusterGroup>> others;
  for (test::TestNode* node : {&second, &third}) {
    const auto rank = static_cast<uint32_t>(others.size() + 1);
    const caf::actor remote_hub = node->cluster->join(first.cluster->address());
    others.push_back(std::make_unique<ClusterGroup>(node->system, options(rank, remote_hub)));
    // The other way round: the first node joins the rank's, whose front is the endpoint.
    node->cluster->set_front(others.back()->endpoint());
    const caf::actor handle = first.cluster->join(node->cluster->address());
    caf::anon_send(hub->endpoint(), rank_atom::value, handle, rank, false);
  }
  const std::shared_ptr<Communicator> ranks[] = {hub->communicator(), others[0]->communicator(),
                                                 others[1]->communicator()};
  for (const auto& ended : run_ranks(3, [&](uint32_t r) { exchange_random(*ranks[r], 10); }))
    CHECK(ended.error.empty());
  // A node that leaves is a rank that is gone.
  const auto results = run_ranks(3, [&](uint32_t r) {
    if (r != 2) return ranks[r]->barrier("the end");
    while (hub->waits_for() != 1 || others[0]->waits_for() != 1) std::this_thread::yield();
    third.cluster.reset();
  });
  for (const uint32_t r : {0u, 1u}) {
    CHECK(results[r].lost);
    CHECK(results[r].lost_rank == 2);
  }
  others.clear();
  hub.reset();
}
