// Goal: remote actors behave as ordinary CAF handles (cluster.hpp C-2 to C-4), over shared memory
// and over tcp.
// Method: two or three nodes in one process, joined through real sockets and real UCX channels.

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <latch>
#include <random>

#include "runtime/base/error.hpp"
#include "tests/runtime/cluster/test_node.hpp"
#include "tests/support/seeds.hpp"

using namespace thespis;
using namespace thespis::test;

TEST_CASE("cluster: a request to a peer's actor is answered", "[runtime][cluster]") {
  const auto path = GENERATE(cluster::Path::kTcp, cluster::Path::kSharedMemory);
  TestNode a(options(path)), b(options(path));
  const caf::actor front = b.cluster->join(a.cluster->address());
  caf::scoped_actor self{b.system};
  // Small, beyond one tcp segment, by rendezvous, by rendezvous and large.
  for (const uint64_t tokens : {1, 4'000, 500'000, 8'000'000}) {
    CAPTURE(tokens);
    const auto answer = ask(self, front, generate(tokens, tokens));
    REQUIRE(answer);
    CHECK(*answer == tokens);
  }
  CHECK(a.cluster->status().peers == 1);
  CHECK(b.cluster->status().peers == 1);
  CHECK(b.cluster->status().pending_requests == 0);
}

TEST_CASE("cluster: an error of a peer's actor arrives as it was", "[runtime][cluster]") {
  TestNode a, b;
  const caf::actor front = b.cluster->join(a.cluster->address());
  caf::scoped_actor self{b.system};
  const auto answer = ask(self, front, Judge::build([](wire::Judge::Builder) {}));
  REQUIRE(!answer);
  CHECK(answer.error() == caf::sec::invalid_argument);
  CHECK(to_string(answer.error()).find("does not judge") != std::string::npos);
}

TEST_CASE("cluster: 500 requests at once get their own answers", "[runtime][cluster]") {
  const auto path = GENERATE(cluster::Path::kTcp, cluster::Path::kSharedMemory);
  const uint64_t seed = test::seed();
  CAPTURE(seed);
  TestNode a(options(path)), b(options(path));
  const caf::actor front = b.cluster->join(a.cluster->address());
  caf::scoped_actor result{b.system};
  caf::actor keep = b.system.spawn([&](caf::event_based_actor* self) {
    std::mt19937_64 random{seed};
    auto left = std::make_shared<int>(500);
    auto wrong = std::make_shared<int>(0);
    const caf::actor to = caf::actor_cast<caf::actor>(result);
    for (uint64_t group = 0; group < 500; ++group) {
      // One in ten by rendezvous: their answers come out of turn unless the channel orders them.
      const uint64_t tokens = 1 + random() % (random() % 10 == 0 ? 200'000 : 500);
      self->request(front, kGenerous, generate(group, tokens))
          .then(
              [self, group, tokens, to, wrong, left](const Rollout& rollout) {
                const auto in = rollout.read();
                const bool right =
                    in->getJob().getGroup() == group && in->getTokens().size() == tokens;
                *wrong += !right;
                if (--*left == 0) self->send(to, *wrong);
              },
              [self, to, wrong, left](const caf::error&) {
                ++*wrong;
                if (--*left == 0) self->send(to, *wrong);
              });
    }
  });
  result->receive([](int wrong) { CHECK(wrong == 0); },
                  caf::after(kGenerous) >> [] { FAIL("no answer"); });
}

TEST_CASE("cluster: messages arrive once and in the order sent", "[runtime][cluster]") {
  const auto path = GENERATE(cluster::Path::kTcp, cluster::Path::kSharedMemory);
  const uint64_t seed = test::seed();
  CAPTURE(seed);
  TestNode a(options(path)), b(options(path));
  caf::scoped_actor receiver{a.system};
  a.cluster->set_front(caf::actor_cast<caf::actor>(receiver));
  const caf::actor front = b.cluster->join(a.cluster->address());
  std::mt19937_64 random{seed};
  constexpr uint64_t kCount = 300;
  for (uint64_t i = 0; i < kCount; ++i)
    caf::anon_send(front, generate(i, 1 + random() % (i % 7 == 0 ? 300'000 : 3'000)));
  uint64_t out_of_order = 0;
  for (uint64_t i = 0; i < kCount; ++i)
    receiver->receive(
        [&](const Generate& job) { out_of_order += job.read()->getJob().getGroup() != i; },
        caf::after(kGenerous) >> [] { FAIL("a message is missing"); });
  CHECK(out_of_order == 0);
}

TEST_CASE("cluster: the receiver can talk back to a sender", "[runtime][cluster]") {
  const auto path = GENERATE(cluster::Path::kTcp, cluster::Path::kSharedMemory);
  TestNode a(options(path)), b(options(path));
  const caf::actor front = b.cluster->join(a.cluster->address());
  caf::scoped_actor self{b.system};
  // The front asks the worker, in the middle of its request, and uses the worker's answer.
  caf::actor worker = b.system.spawn([&](caf::event_based_actor* me) {
    const caf::actor to = caf::actor_cast<caf::actor>(self);
    me->request(front, kGenerous, worker_join(5))
        .then(
            [me, to](const WorkerAccepted& accepted) {
              me->send(to, static_cast<int>(accepted.read()->getWorkerId()));
            },
            [me, to](const caf::error&) { me->send(to, -1); });
    return echo(me);
  });
  self->receive([](int id) { CHECK(id == 77 + 5); },
                caf::after(kGenerous) >> [] { FAIL("no answer"); });
  // The clock would keep it until the timeout of its request.
  caf::anon_send_exit(worker, caf::exit_reason::user_shutdown);
}

TEST_CASE("cluster: a monitor tells how a peer's actor ended", "[runtime][cluster]") {
  TestNode a, b;
  const caf::actor front = b.cluster->join(a.cluster->address());
  caf::scoped_actor self{b.system};
  self->monitor(front);
  const bool normally = GENERATE(true, false);
  self->send(front, failure(normally ? "normal" : "abnormal"));
  self->receive(
      [&](const caf::down_msg& down) {
        CHECK(down.source == front);
        if (normally)
          CHECK_FALSE(down.reason);
        else
          CHECK(down.reason == caf::exit_reason::out_of_workers);
      },
      caf::after(kGenerous) >> [] { FAIL("no down message"); });
  const auto late = ask(self, front, generate(1));
  REQUIRE(!late);
  CHECK(late.error() == caf::sec::request_receiver_down);
}

TEST_CASE("cluster: links work in both directions", "[runtime][cluster]") {
  TestNode a, b;
  const caf::actor front = b.cluster->join(a.cluster->address());
  caf::scoped_actor self{b.system};
  auto idle = [](caf::event_based_actor*) -> caf::behavior { return {[](const Judge&) {}}; };
  const caf::actor local = b.system.spawn(idle);
  caf::scoped_actor watcher_a{a.system};
  watcher_a->monitor(a.front);
  self->monitor(local);
  caf::actor_cast<caf::abstract_actor*>(local)->add_link(
      caf::actor_cast<caf::abstract_actor*>(front));
  SECTION("the remote one ends") {
    self->send(front, failure("abnormal"));
    self->receive(
        [&](const caf::down_msg& down) { CHECK(down.reason == caf::exit_reason::out_of_workers); },
        caf::after(kGenerous) >> [] { FAIL("the local actor did not end"); });
  }
  SECTION("the local one ends") {
    caf::anon_send_exit(local, caf::exit_reason::user_shutdown);
    watcher_a->receive(
        [&](const caf::down_msg& down) { CHECK(down.reason == caf::exit_reason::user_shutdown); },
        caf::after(kGenerous) >> [] { FAIL("the remote actor did not end"); });
  }
}

TEST_CASE("cluster: a request delegated to a third node is answered", "[runtime][cluster]") {
  TestNode a, b, c;
  const caf::actor front_a = b.cluster->join(a.cluster->address());
  b.cluster->set_front(b.system.spawn([front_a](caf::event_based_actor* self) -> caf::behavior {
    return {[self, front_a](const Generate& job) { return self->delegate(front_a, job); }};
  }));
  const caf::actor front_b = c.cluster->join(b.cluster->address());
  caf::scoped_actor self{c.system};
  const auto answer = ask(self, front_b, generate(31));
  REQUIRE(answer);
  CHECK(*answer == 31);
}

TEST_CASE("cluster: what is no message of the schemas comes back", "[runtime][cluster]") {
  TestNode a, b;
  const caf::actor front = b.cluster->join(a.cluster->address());
  caf::scoped_actor self{b.system};
  self->request(front, kGenerous, 1)
      .receive([](int) { FAIL("answered"); },
               [](caf::error& e) { CHECK(e == caf::sec::unexpected_message); });
}

TEST_CASE("cluster: a full queue refuses requests, and takes them again", "[runtime][cluster]") {
  const auto path = GENERATE(cluster::Path::kTcp, cluster::Path::kSharedMemory);
  cluster::ClusterOptions small = options(path);
  small.queue_bytes = 9 << 20;
  TestNode a(options(path)), b(small);
  // An actor that blocks a's network thread: nothing is received meanwhile.
  std::latch blocked(1), go_on(1);
  const caf::actor plug = a.system.spawn([&](caf::event_based_actor*) -> caf::behavior {
    return {[&](const Judge&) {
              blocked.count_down();
              go_on.wait();
            },
            [](const Generate& job) {
              return Rollout::build([&](wire::Rollout::Builder out) {
                out.getJob().setGroup(job.read()->getJob().getGroup());
              });
            }};
  });
  a.cluster->run_on_network_thread(plug);
  a.cluster->set_front(plug);
  const caf::actor front = b.cluster->join(a.cluster->address());
  caf::scoped_actor self{b.system};
  self->send(front, Judge::build([](wire::Judge::Builder) {}));
  blocked.wait();
  // 2 MiB each: the first four fit, whatever of them is under way.
  const Generate large = generate(1, 512 << 10);
  std::vector<caf::actor> askers;
  for (int i = 0; i < 12; ++i)
    askers.push_back(b.system.spawn([&](caf::event_based_actor* me) {
      const caf::actor to = caf::actor_cast<caf::actor>(self);
      me->request(front, kGenerous, large)
          .then([me, to](const Rollout&) { me->send(to, 0); },
                [me, to](const caf::error& e) {
                  me->send(to, e == caf::sec::unavailable_or_would_block ? 1 : 2);
                });
    }));
  int refused = 0;
  for (int i = 0; i < 8; ++i)
    self->receive([&](int what) { refused += what == 1; },
                  caf::after(kGenerous) >> [] { FAIL("neither refused nor answered"); });
  CHECK(refused == 8);
  CHECK(b.cluster->status().queued_bytes <= small.queue_bytes + (1 << 20));
  go_on.count_down();
  int answered = 0;
  for (int i = 0; i < 4; ++i)
    self->receive([&](int what) { answered += what == 0; },
                  caf::after(kGenerous) >> [] { FAIL("not answered"); });
  CHECK(answered == 4);
  CHECK(ask(self, front, large));
}

TEST_CASE("cluster: messages and requests beyond their limits are refused", "[runtime][cluster]") {
  cluster::ClusterOptions small = options();
  small.frame_bytes_max = 10'000;
  small.pending_requests_max = 3;
  TestNode a, b(small);
  const caf::actor front = b.cluster->join(a.cluster->address());
  caf::scoped_actor self{b.system};
  const auto large = ask(self, front, generate(1, 20'000));
  REQUIRE(!large);
  CHECK(large.error() == caf::sec::invalid_argument);

  const Score never = Score::build([](wire::Score::Builder) {});
  for (int i = 0; i < 3; ++i) self->request(front, kGenerous, never);
  const auto fourth = ask(self, front, generate(4));
  REQUIRE(!fourth);
  CHECK(fourth.error() == caf::sec::unavailable_or_would_block);
}

TEST_CASE("cluster: an answer that is too large comes as an error", "[runtime][cluster]") {
  cluster::ClusterOptions small = options();
  small.frame_bytes_max = 10'000;
  TestNode a(small), b;
  a.cluster->set_front(a.system.spawn([]() -> caf::behavior {
    return {[](const Generate&) {
      return Rollout::build([](wire::Rollout::Builder out) { out.initTokens(20'000); });
    }};
  }));
  const caf::actor front = b.cluster->join(a.cluster->address());
  caf::scoped_actor self{b.system};
  const auto answer = ask(self, front, generate(1));
  REQUIRE(!answer);
  CHECK(answer.error() == caf::sec::invalid_argument);
}

TEST_CASE("cluster: an actor that ran on the network thread wakes others as usual",
          "[runtime][cluster]") {
  TestNode a, b;
  const caf::actor helper = a.system.spawn(echo);
  const caf::actor light = a.system.spawn([helper](caf::event_based_actor* self) -> caf::behavior {
    return {[self, helper](const Generate& job) { return self->delegate(helper, job); }};
  });
  a.cluster->run_on_network_thread(light);
  a.cluster->set_front(light);
  const caf::actor front = b.cluster->join(a.cluster->address());
  caf::scoped_actor self{b.system};
  for (uint64_t i = 0; i < 100; ++i) {
    const auto answer = ask(self, front, generate(i));
    REQUIRE(answer);
    REQUIRE(*answer == i);
  }
}
