// Goal (VERDICT): the worker that runs programs gives a score for what a program did and an error
// for what could not be judged; it takes itself out, by name, where a canary is judged wrongly, and
// the pool passes that on. Method: the real worker on the real sandbox, in a real actor system.

#include "actors/reward/code_reward_actor.hpp"

#include <catch2/catch_test_macros.hpp>

#include "actors/pool/pool_actor.hpp"
#include "runtime/base/error.hpp"
#include "runtime/cluster/actor_config.hpp"
#include "tasks/code/harness.hpp"

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

  ~World() {
    for (const auto& actor : actors) caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
  }
  caf::actor worker(CodeRewardOptions options) {
    sandbox::Options walls;
    walls.jobs_at_once = 2;
    walls.python_modules = tasks::harness_modules();
    std::shared_ptr<CodeJudge> judge;
    try {
      judge = std::make_shared<CodeJudge>(std::make_unique<env::ComputeThread>("judge"),
                                          std::move(walls));
    } catch (const InputError& error) {
      SKIP("no sandbox here: " << error.what());
    }
    options.rules.cpu_s = 1;
    options.accuracy_weight = 1;
    options.format_weight = 0.5;
    actors.push_back(system.spawn<CodeRewardActor>(std::move(options), std::move(judge)));
    return actors.back();
  }
  /// The score, or what the error says.
  std::string ask(const caf::actor& whom, const wire::Message<wire::Judge>& what) {
    std::string heard;
    self->request(whom, caf::infinite, what)
        .receive(
            [&](const wire::Message<wire::Verdict>& v) {
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

TEST_CASE("code reward: a canary judged wrongly takes the worker out, and people hear of it") {
  World world;
  auto canaries = tasks::canaries();
  for (auto& canary : canaries)
    if (canary.name == "equal to everything") canary.allowed = {tasks::CodeVerdict::kPassed};
  PoolOptions pooling;
  pooling.role = "code_reward";
  const auto pool = world.system.spawn<RewardPool>(pooling);
  world.actors.push_back(pool);
  caf::anon_send(pool, alarm_atom::value, caf::actor_cast<caf::actor>(world.self.ptr()));
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
