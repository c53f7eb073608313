// Goal: WK-2: a worker that stands still is noticed no later than 0.5 s after its job's wall limit,
// and no sooner, however busy the machine is.
// Method: the real processes under a clock that the test moves to each next deadline: the time in
// between is not waited for, and none of the machine's own counts.

#include "runtime/sandbox/workers.hpp"

#include <algorithm>
#include <csignal>

#include "runtime/sandbox/compiler.hpp"
#include "tests/runtime/sandbox/runs.hpp"

using namespace thespis;
using namespace thespis::sandbox;
using namespace std::chrono_literals;

namespace {

class SetClock final : public env::Clock {
 public:
  env::Nanoseconds now() const override { return now_; }
  double wall_seconds() const override { return env::seconds(now_); }
  void set(env::Nanoseconds now) { now_ = now; }

 private:
  env::Nanoseconds now_{1s};
};

Work endless(double wall_s) {
  Work work;
  work.request.start = Start::kExecute;
  work.request.argv = {"/bin/sleep", "1000"};
  work.request.limits.wall_s = wall_s;
  work.descriptors.push_back(std::make_shared<Descriptor>(sealed_file("input", "")));
  return work;
}

char state_of(pid_t process) {
  std::ifstream status("/proc/" + std::to_string(process) + "/stat");
  std::string line;
  std::getline(status, line);
  const size_t at = line.rfind(") ");
  return at == line.npos ? '?' : line[at + 2];
}

}  // namespace

TEST_CASE("WK-2: a worker that stands still is noticed within 0.5 s of its job's wall limit",
          "[runtime][sandbox]") {
  test::start_sandbox();  // Skips where programs cannot be walled in.
  SetClock clock;
  Workers workers(1, {}, clock);
  constexpr double kWallS = 0.3;
  const auto begun = clock.now();
  RunReply reply;
  bool done = false;
  workers.submit(endless(kWallS), [&](RunReply got, Descriptor) {
    reply = std::move(got);
    done = true;
  });
  workers.poll(0);
  auto keepers = test::processes_named("thespis-keeper");
  // A job that has just been forked has its keeper's name still.
  const auto all = keepers;
  std::erase_if(keepers, [&](pid_t process) {
    return std::count(all.begin(), all.end(), test::parent_of(process)) > 0;
  });
  REQUIRE(keepers.size() == 1);
  ::kill(keepers[0], SIGSTOP);
  while (state_of(keepers[0]) != 'T') workers.poll(0);
  while (!done) {
    const auto next = workers.next_deadline();
    REQUIRE(next);  // Or nobody would ever look again.
    clock.set(std::max(clock.now(), *next));
    workers.poll(0);
  }
  CHECK(reply.outcome.ending == Ending::kInfrastructure);
  CHECK(reply.outcome.detail.find("did not answer") != std::string::npos);
  const double noticed_s = env::seconds(clock.now() - begun);
  CHECK(noticed_s <= kWallS + 0.5 + 1e-6);
  CHECK(noticed_s >= kWallS + 0.5 - 1e-6);
}
