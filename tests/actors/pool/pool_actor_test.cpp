// Goal: the pool's shell keeps DEADLINE (no wait without limit, the error names who was waited
// for), goes on without lost workers, and pushes back by bytes (BOUNDED), under virtual time.
// Method: the real pool; workers and client are played by the test.

#include "actors/pool/pool_actor.hpp"

#include <catch2/catch_test_macros.hpp>
#include <map>

#include "tests/support/virtual_system.hpp"

using namespace thespis;
using namespace std::chrono_literals;
using test::Scripted;

namespace {

wire::Message<wire::Judge> job(uint64_t group, uint32_t sample) {
  return wire::Message<wire::Judge>::build([&](wire::Judge::Builder j) {
    j.initJob().setGroup(group);
    j.getJob().setSample(sample);
    j.setCompletion(std::string(1000, 'x'));
  });
}

wire::Message<wire::Verdict> verdict_of(const wire::Message<wire::Judge>& judged) {
  return wire::Message<wire::Verdict>::build(
      [&](wire::Verdict::Builder v) { v.setJob(judged.read()->getJob()); });
}

/// What the client heard, by sample: empty text for a verdict, else the error.
struct Heard {
  std::map<uint32_t, std::string> by_sample;
};

struct World {
  test::VirtualSystem system;
  std::shared_ptr<Heard> heard = std::make_shared<Heard>();
  caf::actor pool, client;
  explicit World(const PoolOptions& options) {
    pool = system.spawn<RewardPool>(options);
    client = client_of(pool);
  }
  caf::actor client_of(const caf::actor& p) {
    return system.script([p, h = heard](Scripted& self) -> caf::behavior {
      return {[&self, h, p](uint32_t sample) {
        thespis::ask<wire::Verdict>(
            self, p, job(1, sample),
            [h, sample](const wire::Message<wire::Verdict>&) { h->by_sample[sample] = ""; },
            [h, sample, &self](const caf::error& e) {
              h->by_sample[sample] = self.system().render(e);
            });
      }};
    });
  }
  void ask(uint32_t sample) { ask(client, sample); }
  void ask(const caf::actor& who, uint32_t sample) {
    caf::anon_send(who, sample);
    system.run();
  }
  PoolStats stats() {
    const auto seen = std::make_shared<PoolStats>();
    const auto asker = system.script([seen, p = pool](Scripted& self) -> caf::behavior {
      self.request(p, caf::infinite, stats_atom::value).then([seen](const PoolStats& stats) {
        *seen = stats;
      });
      return {[](tick_atom) {}};
    });
    system.run();
    return *seen;
  }
  void add(const caf::actor& worker, uint32_t credit) {
    caf::anon_send(pool, worker_atom::value, worker, credit);
    system.run();
  }
  /// A worker that answers every job at once, and counts them.
  caf::actor honest(std::shared_ptr<int> count) {
    return system.script([count](Scripted&) -> caf::behavior {
      return {[count](const wire::Message<wire::Judge>& j) {
                ++*count;
                return verdict_of(j);
              },
              [](const wire::Message<wire::Cancel>&) {}};
    });
  }
  /// A worker that never answers, and ends for the reason that it is sent.
  caf::actor failing() {
    return system.script([](Scripted& self) -> caf::behavior {
      return {
          [&self](const wire::Message<wire::Judge>&) -> caf::result<wire::Message<wire::Verdict>> {
            return self.make_response_promise();
          },
          [](const wire::Message<wire::Cancel>&) {},
          [&self](const std::string& why) {
            self.quit(caf::make_error(caf::sec::runtime_error, why));
          }};
    });
  }
  /// A worker that never answers, and counts what it was told to stop.
  caf::actor silent(std::shared_ptr<int> cancelled) {
    return system.script([cancelled](Scripted& self) -> caf::behavior {
      return {
          [&self](const wire::Message<wire::Judge>&) -> caf::result<wire::Message<wire::Verdict>> {
            return self.make_response_promise();
          },
          [cancelled](const wire::Message<wire::Cancel>&) { ++*cancelled; }};
    });
  }
};

}  // namespace

TEST_CASE("DEADLINE: a job that a worker holds too long goes to another", "[actors]") {
  World world({.role = "reward", .limits = {.attempts_max = 3}, .job_deadline = 10s});
  const auto cancelled = std::make_shared<int>(0), answered = std::make_shared<int>(0);
  world.add(world.silent(cancelled), 2);
  world.ask(0);
  world.add(world.honest(answered), 1);
  CHECK(world.heard->by_sample.empty());
  world.system.pass(9s);
  CHECK(world.heard->by_sample.empty());
  world.system.pass(12s);  // The silent worker has more free credit and may get it once more.
  REQUIRE(world.heard->by_sample.contains(0));
  CHECK(world.heard->by_sample[0].empty());
  CHECK(*answered == 1);
  CHECK(*cancelled >= 1);
}

TEST_CASE("DEADLINE: without any worker the job fails and the error names the role", "[actors]") {
  World world({.role = "reward", .limits = {}, .worker_deadline = 30s});
  world.ask(0);
  world.system.pass(29s);
  CHECK(world.heard->by_sample.empty());
  world.system.pass(2s);
  REQUIRE(world.heard->by_sample.contains(0));
  CHECK(world.heard->by_sample[0].find("no worker of role reward") != std::string::npos);
}

TEST_CASE("DEADLINE: a job that no worker ever finishes is given up by name", "[actors]") {
  World world({.role = "reward", .limits = {.attempts_max = 2}, .job_deadline = 10s});
  const auto cancelled = std::make_shared<int>(0);
  world.add(world.silent(cancelled), 1);
  world.ask(0);
  world.system.pass(25s);
  REQUIRE(world.heard->by_sample.contains(0));
  CHECK(world.heard->by_sample[0].find("gave up after 2 attempts: no answer for 10000 ms") !=
        std::string::npos);
  CHECK(*cancelled == 2);
}

TEST_CASE("pool actor: a worker that dies takes no job with it", "[actors]") {
  World world({.role = "reward", .limits = {}});
  const auto cancelled = std::make_shared<int>(0), answered = std::make_shared<int>(0);
  const auto doomed = world.silent(cancelled);
  world.add(doomed, 4);
  for (uint32_t sample = 0; sample < 4; ++sample) world.ask(sample);
  world.add(world.honest(answered), 4);
  caf::anon_send_exit(doomed, caf::exit_reason::kill);
  world.system.run();
  CHECK(*answered == 4);
  CHECK(world.heard->by_sample.size() == 4);
}

TEST_CASE("pool actor: where none can join, the last worker's failure ends it and is told",
          "[actors]") {
  World world({.role = "reward", .limits = {}, .may_join = false});
  std::vector<caf::actor> workers;
  for (int i = 0; i < 3; ++i) {
    workers.push_back(world.failing());
    world.add(workers.back(), 1);
  }
  std::string ended;
  const auto watch = world.system.script([&ended, p = world.pool](Scripted& self) -> caf::behavior {
    self.set_down_handler(
        [&](caf::down_msg& down) { ended = reason_of(self.system(), down.reason); });
    self.monitor(p);
    return {[](tick_atom) {}};
  });
  world.ask(0);
  for (const caf::actor& worker : workers) {
    CHECK(ended.empty());
    caf::anon_send(worker, std::string("the card is gone"));
    world.system.run();
  }
  CHECK(ended == "no worker of role reward is left; the last one ended: the card is gone");
}

TEST_CASE("pool actor: jobs that nobody took hear how the last worker ended", "[actors]") {
  World world({.role = "reward", .limits = {}, .worker_deadline = 30s});
  const auto worker = world.failing();
  world.add(worker, 1);
  caf::anon_send(worker, std::string("the card is gone"));
  world.system.run();
  world.ask(0);
  world.system.pass(31s);
  REQUIRE(world.heard->by_sample.contains(0));
  CHECK(world.heard->by_sample[0].find(
            "no worker of role reward for 30000 ms; the last one ended: the card is gone") !=
        std::string::npos);
}

TEST_CASE("pool actor: workers that are sent home do not end it", "[actors]") {
  World world({.role = "reward", .limits = {}, .may_join = false});
  const auto worker = world.failing();
  world.add(worker, 1);
  caf::anon_send_exit(worker, caf::exit_reason::user_shutdown);
  world.system.run();
  CHECK(world.stats().workers == 0);
}

TEST_CASE("BOUNDED: a full queue pushes back by bytes, and no job is lost for it", "[actors]") {
  constexpr uint64_t kBytesMax = 3000;
  World world({.role = "reward", .limits = {.queue_bytes_max = kBytesMax}});
  constexpr uint32_t kJobs = 40;
  for (uint32_t sample = 0; sample < kJobs; ++sample) world.ask(sample);
  const PoolStats stats = world.stats();
  CHECK(stats.waiting >= 1);
  CHECK(stats.waiting < kJobs);
  CHECK(stats.waiting_bytes <= kBytesMax);
  CHECK(world.heard->by_sample.empty());
  const auto answered = std::make_shared<int>(0);
  world.add(world.honest(answered), 1);
  CHECK(*answered == kJobs);
  REQUIRE(world.heard->by_sample.size() == kJobs);
  for (const auto& [sample, error] : world.heard->by_sample) CHECK(error.empty());
}

TEST_CASE("BOUNDED: who waits for room and has ended holds up nobody", "[actors]") {
  World world({.role = "reward", .limits = {.queue_bytes_max = 3000}});
  const auto other = world.client_of(world.pool);
  for (uint32_t sample = 0; sample < 20; ++sample) world.ask(other, 100 + sample);
  for (uint32_t sample = 0; sample < 10; ++sample) world.ask(sample);
  caf::anon_send_exit(other, caf::exit_reason::kill);
  const auto answered = std::make_shared<int>(0);
  world.add(world.honest(answered), 1);
  for (uint32_t sample = 0; sample < 10; ++sample) CHECK(world.heard->by_sample.contains(sample));
}

TEST_CASE("DEADLINE: who waits for room hears that no worker comes", "[actors]") {
  World world({.role = "reward", .limits = {.queue_bytes_max = 3000}, .worker_deadline = 30s});
  for (uint32_t sample = 0; sample < 8; ++sample) world.ask(sample);
  world.system.pass(31s);
  REQUIRE(world.heard->by_sample.size() == 8);
  for (const auto& [sample, error] : world.heard->by_sample)
    CHECK(error.find("no worker of role reward") != std::string::npos);
}

TEST_CASE("BOUNDED: a job that never fits is refused, and the key is named", "[actors]") {
  World world({.role = "reward", .limits = {.queue_bytes_max = 100}});
  world.ask(0);
  REQUIRE(world.heard->by_sample.contains(0));
  CHECK(world.heard->by_sample[0].find("rollout.queue_bytes must be larger") != std::string::npos);
}
