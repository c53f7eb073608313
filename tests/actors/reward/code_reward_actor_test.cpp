// Goal (VERDICT): the worker that runs programs gives a score for what a program did and an error
// for what could not be judged; it takes itself out, by name, where a canary is judged wrongly, and
// the pool passes that on. Method: the real worker on the real sandbox, in a real actor system.

#include "actors/reward/code_reward_actor.hpp"

#include <catch2/catch_test_macros.hpp>

#include <csignal>
#include <future>

#include "actors/pool/pool_actor.hpp"
#include "runtime/base/error.hpp"
#include "runtime/cluster/actor_config.hpp"
#include "runtime/env/clock.hpp"
#include "tasks/code/harness.hpp"
#include "tests/runtime/sandbox/runs.hpp"

using namespace thespis;

namespace {

constexpr const char* kRow = R"({"entry":"add","tests":[{"args":[1,2],"expected":3}]})";

wire::Message<wire::Judge> job(uint32_t sample, const char* row, const std::string& program) {
  return wire::Message<wire::Judge>::build([&](wire::Judge::Builder j) {
    j.initJob().setGroup(1);
    j.getJob().setSample(sample);
    j.setTask(row);
    j.setCompletion("<think>x</think> <answer>" + program + "</answer>");
  });
}

struct World {
  cluster::ActorConfig config;
  caf::actor_system system{config};
  caf::scoped_actor self{system};
  std::vector<caf::actor> actors;
  std::vector<std::shared_ptr<CodeJudge>> judges;
  std::string answer;  // Of the verdict heard last.

  ~World() {
    for (const auto& actor : actors) caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
  }
  caf::actor worker(CodeRewardOptions options) {
    sandbox::Options walls;
    walls.jobs_at_once = 2;
    walls.python_modules = tasks::harness_modules();
    std::shared_ptr<CodeJudge>& judge = judges.emplace_back();
    try {
      judge = std::make_shared<CodeJudge>(std::make_unique<env::ComputeThread>("judge"),
                                          std::move(walls));
    } catch (const InputError& error) {
      SKIP("no sandbox here: " << error.what());
    }
    if (options.rules.wall_s == tasks::GradeRules{}.wall_s) options.rules.cpu_s = 1;
    options.accuracy_weight = 1;
    options.format_weight = 0.5;
    actors.push_back(system.spawn<CodeRewardActor>(std::move(options), judge));
    return actors.back();
  }
  /// Tells `self` of its alarms.
  caf::actor pool() {
    PoolOptions options;
    options.role = "code_reward";
    actors.push_back(system.spawn<RewardPool>(options));
    caf::anon_send(actors.back(), alarm_atom::value, caf::actor_cast<caf::actor>(self.ptr()));
    return actors.back();
  }
  /// The score, or what the error says.
  std::string ask(const caf::actor& whom, const wire::Message<wire::Judge>& what) {
    auto request = self->request(whom, caf::infinite, what);
    return hear(request);
  }
  template <class Request>
  std::string hear(Request& request) {
    std::string heard;
    request.receive(
        [&](const wire::Message<wire::Verdict>& v) {
          answer = v.read()->getAnswer();
          heard = std::to_string(v.read()->getScore()).substr(0, 3) + " " +
                  std::string(v.read()->getDetail().cStr());
        },
        [&](const caf::error& error) { heard = system.render(error); });
    return heard;
  }
};

}  // namespace

TEST_CASE("code reward: a score for what the program did, an error for a bad row") {
  World world;
  const auto worker = world.worker({});
  CHECK(world.ask(worker, job(0, kRow, "def add(a, b): return a + b")) == "1.5 passed");
  CHECK(world.ask(worker, job(1, kRow, "def add(a, b): return a")) ==
        "0.5 wrong: test 1 of 1: add(1, 2) gives 1, not 3");
  CHECK(world.ask(worker, job(2, kRow, "def add(a, b): return '\x1b[2J'")).find('\x1b') ==
        std::string::npos);
  CHECK(world.ask(worker, job(3, "{}", "x")).find("must be a list") != std::string::npos);
}

TEST_CASE("code reward: a wedged process is noticed after the limit, and the answer judged anew") {
  World world;
  CodeRewardOptions options;
  options.canary_interval = {};
  options.rules.cpu_s = 0.1;
  options.rules.wall_s = 0.3;
  const auto worker = world.worker(std::move(options));
  CHECK(world.ask(worker, job(0, kRow, "def add(a, b): return a + b")) == "1.5 passed");
  const auto keepers = test::processes_named("thespis-keeper");
  REQUIRE_FALSE(keepers.empty());
  for (const pid_t keeper : keepers) ::kill(keeper, SIGSTOP);
  const env::RealClock clock;
  const auto start = clock.now();
  // Without the notice this never ends: nothing but the sandbox watches it here.
  CHECK(world.ask(worker, job(1, kRow, "def add(a, b): return a + b")) == "1.5 passed");
  CHECK(env::seconds(clock.now() - start) >= 0.3 + 0.5);
}

TEST_CASE("code reward: a judge that does nothing is noticed, and its job goes to another worker") {
  World world;
  const auto pool = world.pool();
  CodeRewardOptions options;
  options.canary_interval = {};
  options.rules.cpu_s = 0.1;
  options.rules.wall_s = 0.3;
  const auto wedged = world.worker(std::move(options));
  std::promise<void> release;
  world.judges[0]->ask([gate = release.get_future().share()] { gate.wait(); });
  caf::anon_send(pool, worker_atom::value, wedged, uint32_t{1});
  auto request =
      world.self->request(pool, caf::infinite, job(0, kRow, "def add(a, b): return a + b"));
  std::string alarm;
  world.self->receive([&](alarm_atom, const std::string& text) { alarm = text; });
  CHECK(alarm.find("its judge has not stirred for 0.5 s") != std::string::npos);
  caf::anon_send(pool, worker_atom::value, world.worker({}), uint32_t{1});
  CHECK(world.hear(request) == "1.5 passed");
  release.set_value();
}

TEST_CASE("code reward: a cancelled answer's processes are killed") {
  World world;
  CodeRewardOptions options;
  options.canary_interval = {};
  options.rules.cpu_s = options.rules.wall_s = 3600;
  const auto worker = world.worker(std::move(options));
  for (const uint32_t sample : {0u, 1u}) {  // As many as run at a time.
    const auto sleeps = job(sample, kRow, "import time\ntime.sleep(3600)");
    world.self->send(worker, sleeps);
    world.self->send(worker, cancel_of(key_of(sleeps)));
  }
  CHECK(world.ask(worker, job(2, kRow, "def add(a, b): return a + b")) == "1.5 passed");
}

TEST_CASE("code reward: answers that did the same are one in a vote") {
  World world;
  const auto worker = world.worker({});
  const auto answer = [&](uint32_t sample, const std::string& program) {
    world.ask(worker, job(sample, kRow, program));
    return world.answer;
  };
  const std::string right = answer(0, "def add(a, b): return a + b");
  CHECK(right == "passed");
  CHECK(answer(1, "def add(x, y): return y + x") == right);
  const std::string wrong = answer(2, "def add(a, b): return a");
  CHECK(wrong != right);
  CHECK(answer(3, "def add(a, b): return 1") == wrong);
  CHECK(answer(4, "def add(a, b): return b") != wrong);
  CHECK(answer(5, "").empty());
}

TEST_CASE("code reward: a canary judged wrongly takes the worker out, and people hear of it") {
  World world;
  auto canaries = tasks::canaries();
  for (auto& canary : canaries)
    if (canary.name == "equal to everything") canary.allowed = {tasks::CodeVerdict::kPassed};
  const auto pool = world.pool();
  CodeRewardOptions options;
  options.canaries = &canaries;
  const auto unfit = world.worker(std::move(options));
  caf::anon_send(pool, worker_atom::value, unfit, uint32_t{1});
  const auto fit = world.worker({});
  caf::anon_send(pool, worker_atom::value, fit, uint32_t{1});
  std::string alarm;
  world.self->receive([&](alarm_atom, const std::string& text) { alarm = text; });
  CHECK(alarm.find("canary 'equal to everything' was judged wrong") != std::string::npos);
  // What it held, or would have got, is judged by another.
  CHECK(world.ask(pool, job(0, kRow, "def add(a, b): return a + b")) == "1.5 passed");
}
