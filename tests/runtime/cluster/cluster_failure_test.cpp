// Goal: a lost peer is noticed, whatever happened to it, and what it owed is answered (cluster.hpp
// C-2).
// Method: peers in processes of their own that are killed, stopped for a while, stopped for good,
// or leave. The deadlines are shortened; nothing is measured, every wait ends with an event.

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include "runtime/base/error.hpp"
#include "tests/runtime/cluster/peer_process.hpp"
#include "tests/runtime/cluster/test_node.hpp"

using namespace thespis;
using namespace thespis::test;
using Kind = wire::PeerEvent::Kind;

namespace {

// Collects the events of a node as they come.
class Events {
 public:
  explicit Events(TestNode& node) : self_(node.system) {
    node.cluster->set_observer(caf::actor_cast<caf::actor>(self_));
  }
  void expect(Kind kind) {
    self_->receive([&](const PeerEvent& event) { CHECK(event.read()->getKind() == kind); },
                   caf::after(kGenerous) >> [] { FAIL("no event"); });
  }
  std::string expect_address(Kind kind) {
    std::string address;
    self_->receive(
        [&](const PeerEvent& event) {
          CHECK(event.read()->getKind() == kind);
          address = event.read()->getAddress();
        },
        caf::after(kGenerous) >> [] { FAIL("no event"); });
    return address;
  }

 private:
  caf::scoped_actor self_;
};

cluster::ClusterOptions impatient(cluster::Path path) {
  cluster::ClusterOptions with = options(path);
  with.heartbeat_interval = std::chrono::milliseconds(50);
  with.suspect_after = std::chrono::milliseconds(300);
  with.lost_after = std::chrono::milliseconds(1000);
  return with;
}

}  // namespace

// Not a test: the other process. It reads its standard input until that is closed.
TEST_CASE("a peer process", "[.peer]") {
  const char* path = std::getenv("THESPIS_PEER_PATH");
  const char* join = std::getenv("THESPIS_PEER_JOIN");
  REQUIRE(path != nullptr);
  cluster::ClusterOptions with =
      impatient(static_cast<cluster::Path>(std::strtol(path, nullptr, 10)));
  with.lost_after = std::chrono::milliseconds(60'000);  // It is the other side that judges.
  with.name = "peer process";
  TestNode node(with);
  const caf::actor worker = node.system.spawn(echo);
  if (join != nullptr && *join != '\0') {
    const caf::actor front = node.cluster->join(join);
    caf::send_as(worker, front, worker_join(1));
  }
  const std::string address = node.cluster->address();
  REQUIRE(write(PeerProcess::kReportFd, address.data(), address.size()) ==
          static_cast<ssize_t>(address.size()));
  char byte = 0;
  while (read(STDIN_FILENO, &byte, 1) > 0) continue;
  node.cluster.reset();
  caf::anon_send_exit(worker, caf::exit_reason::kill);
}

TEST_CASE("cluster: another process answers", "[runtime][cluster][process]") {
  const auto path = GENERATE(cluster::Path::kTcp, cluster::Path::kSharedMemory);
  PeerProcess peer(path);
  TestNode node(options(path));
  const caf::actor front = node.cluster->join(peer.address());
  caf::scoped_actor self{node.system};
  for (const uint64_t tokens : {1, 4'000, 500'000, 4'000'000}) {
    const auto answer = ask(self, front, generate(tokens, tokens));
    REQUIRE(answer);
    CHECK(*answer == tokens);
  }
}

TEST_CASE("cluster: a killed peer is lost, and what it owed fails", "[runtime][cluster][process]") {
  const auto path = GENERATE(cluster::Path::kTcp, cluster::Path::kSharedMemory);
  PeerProcess peer(path);
  TestNode node(options(path));
  Events events(node);
  const caf::actor front = node.cluster->join(peer.address());
  events.expect(Kind::JOINED);
  caf::scoped_actor self{node.system};
  self->monitor(front);
  REQUIRE(ask(self, front, generate(1)));
  const bool large = GENERATE(false, true);
  auto pending =
      large ? self->request(front, caf::infinite, generate(1, 8'000'000))
            : self->request(front, caf::infinite, Score::build([](wire::Score::Builder) {}));
  if (!large) {
    // The peer has the request, so that only its death can answer it.
    REQUIRE(ask(self, front, generate(2)));
    peer.kill(SIGKILL);
    pending.receive([](const Rollout&) { FAIL("answered"); },
                    [](caf::error& e) { CHECK(e == caf::sec::request_receiver_down); });
  } else {
    peer.kill(SIGKILL);  // In the middle of a transfer, or before, or after.
    pending.receive([](const Rollout&) {},
                    [](caf::error& e) { CHECK(e == caf::sec::request_receiver_down); });
  }
  self->receive(
      [&](const caf::down_msg& down) {
        CHECK(down.source == front);
        CHECK(down.reason == caf::exit_reason::remote_link_unreachable);
      },
      caf::after(kGenerous) >> [] { FAIL("no down message"); });
  events.expect(Kind::LOST);
  const auto late = ask(self, front, generate(3));
  REQUIRE(!late);
  CHECK(late.error() == caf::sec::request_receiver_down);
  CHECK(node.cluster->status().peers == 0);
  CHECK_THROWS_AS(node.cluster->join(peer.address()), Error);
}

TEST_CASE("cluster: a stopped peer is suspected, then lost", "[runtime][cluster][process]") {
  const auto path = GENERATE(cluster::Path::kTcp, cluster::Path::kSharedMemory);
  PeerProcess peer(path);
  TestNode node(impatient(path));
  Events events(node);
  const caf::actor front = node.cluster->join(peer.address());
  events.expect(Kind::JOINED);
  caf::scoped_actor self{node.system};
  REQUIRE(ask(self, front, generate(1)));
  peer.signal(SIGSTOP);
  // With a large transfer under way, too: its memory must not be touched after the loss.
  auto pending = self->request(front, caf::infinite, generate(2, 2'000'000));
  events.expect(Kind::SUSPECTED);
  events.expect(Kind::LOST);
  pending.receive([](const Rollout&) { FAIL("answered"); },
                  [](caf::error& e) { CHECK(e == caf::sec::request_receiver_down); });
  peer.signal(SIGCONT);
}

TEST_CASE("cluster: an interruption shorter than the deadline loses nothing",
          "[runtime][cluster][process]") {
  const auto path = GENERATE(cluster::Path::kTcp, cluster::Path::kSharedMemory);
  PeerProcess peer(path);
  cluster::ClusterOptions with = impatient(path);
  with.lost_after = std::chrono::milliseconds(60'000);
  TestNode node(with);
  Events events(node);
  const caf::actor front = node.cluster->join(peer.address());
  events.expect(Kind::JOINED);
  caf::scoped_actor self{node.system};
  REQUIRE(ask(self, front, generate(1)));
  peer.signal(SIGSTOP);
  std::vector<caf::actor> askers;
  for (uint64_t i = 0; i < 50; ++i)
    askers.push_back(node.system.spawn([&, i](caf::event_based_actor* me) {
      const caf::actor to = caf::actor_cast<caf::actor>(self);
      me->request(front, kGenerous, generate(i, i % 5 == 0 ? 100'000 : 100))
          .then([me, to, i](const Rollout& r) { me->send(to, r.read()->getJob().getGroup() == i); },
                [me, to](const caf::error&) { me->send(to, false); });
    }));
  events.expect(Kind::SUSPECTED);
  CHECK(node.cluster->status().peers_suspected == 1);
  peer.signal(SIGCONT);
  events.expect(Kind::RECOVERED);
  for (uint64_t i = 0; i < 50; ++i)
    self->receive([](bool right) { CHECK(right); },
                  caf::after(kGenerous) >> [] { FAIL("an answer is missing"); });
}

TEST_CASE("cluster: a worker process joins, works and leaves in order",
          "[runtime][cluster][process]") {
  const auto path = GENERATE(cluster::Path::kTcp, cluster::Path::kSharedMemory);
  TestNode node(options(path));
  Events events(node);
  caf::scoped_actor desk{node.system};
  node.cluster->set_front(caf::actor_cast<caf::actor>(desk));
  PeerProcess peer(path, node.cluster->address());
  CHECK(events.expect_address(Kind::JOINED) == peer.address());
  caf::actor worker;
  desk->receive(
      [&](const WorkerJoin& join) {
        CHECK(join.read()->getCapacity() == 1);
        worker = caf::actor_cast<caf::actor>(desk->current_sender());
      },
      caf::after(kGenerous) >> [] { FAIL("nobody joined"); });
  desk->monitor(worker);
  REQUIRE(ask(desk, worker, generate(12)));
  peer.leave();
  desk->receive([&](const caf::down_msg& down) { CHECK(down.source == worker); },
                caf::after(kGenerous) >> [] { FAIL("no down message"); });
  CHECK(events.expect_address(Kind::LEFT) == peer.address());
}

TEST_CASE("cluster: what was sent before leaving still arrives", "[runtime][cluster]") {
  const auto path = GENERATE(cluster::Path::kTcp, cluster::Path::kSharedMemory);
  TestNode node(options(path));
  caf::scoped_actor desk{node.system};
  node.cluster->set_front(caf::actor_cast<caf::actor>(desk));
  constexpr uint64_t kCount = 40;
  {
    TestNode leaver(options(path));
    const caf::actor front = leaver.cluster->join(node.cluster->address());
    for (uint64_t i = 0; i < kCount; ++i)
      caf::anon_send(front, generate(i, i % 4 == 0 ? 300'000 : 10));
  }
  for (uint64_t i = 0; i < kCount; ++i)
    desk->receive([&](const Generate& job) { CHECK(job.read()->getJob().getGroup() == i); },
                  caf::after(kGenerous) >> [] { FAIL("a message is missing"); });
}

TEST_CASE("cluster: who joins a node whose front has ended hears of it", "[runtime][cluster]") {
  const auto path = GENERATE(cluster::Path::kTcp, cluster::Path::kSharedMemory);
  TestNode node(options(path));
  caf::scoped_actor self{node.system};
  self->monitor(node.front);
  self->send_exit(node.front, caf::exit_reason::user_shutdown);
  self->receive([&](const caf::down_msg& down) { REQUIRE(down.source == node.front); });
  TestNode late(options(path));
  caf::scoped_actor joiner{late.system};
  const caf::actor front = late.cluster->join(node.cluster->address());
  joiner->monitor(front);
  joiner->receive([&](const caf::down_msg& down) { CHECK(down.source == front); },
                  caf::after(kGenerous) >> [] { FAIL("no down message"); });
}
