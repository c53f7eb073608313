// Goal: SB-1, WK-1, WK-2: a job's callback comes whatever happens to the processes of the sandbox,
// in time, and says infrastructure; the next job runs.
// Method: the keeper is stopped or killed, the launcher killed, jobs cancelled, in mid-run.

#include <csignal>

#include "runtime/env/clock.hpp"
#include "tests/runtime/sandbox/runs.hpp"

using namespace thespis;
using namespace thespis::sandbox;
using test::job_of;
using test::processes_named;
using test::run;
using test::start_sandbox;

namespace {

/// Runs a program that waits, does `harm` to the processes of this name, and returns what became
/// of it.
Outcome harm(Sandbox& box, const char* name, int number, bool zygote, double wall_s) {
  Job job = job_of(box, "python", "import time\nwhile True: time.sleep(1)\n");
  job.zygote = zygote;
  job.limits.wall_s = wall_s;
  Outcome result;
  bool done = false;
  REQUIRE(box.run(std::move(job), [&](Outcome outcome) {
    result = std::move(outcome);
    done = true;
  }) != 0);
  box.poll(0);  // Started.
  const auto processes = processes_named(name);
  REQUIRE_FALSE(processes.empty());
  for (const pid_t process : processes) ::kill(process, number);
  while (!done) box.poll(-1);
  return result;
}

void check_works(Sandbox& box, bool zygote) {
  Job job = job_of(box, "python", "print('well')");
  job.zygote = zygote;
  const Outcome outcome = run(box, std::move(job));
  INFO(outcome.detail);
  CHECK(outcome.output == "well\n");
}

}  // namespace

TEST_CASE("SB-1: a wedged worker is noticed 0.5 s after the wall limit", "[runtime][sandbox]") {
  const auto box = start_sandbox();
  const bool zygote = GENERATE(true, false);
  check_works(*box, zygote);
  const env::RealClock clock;
  const auto start = clock.now();
  const Outcome outcome = harm(*box, "thespis-keeper", SIGSTOP, zygote, 0.3);
  CHECK(outcome.ending == Ending::kInfrastructure);
  // Not sooner: that would take a busy worker for a wedged one. Without the notice this never ends.
  CHECK(env::seconds(clock.now() - start) >= 0.3 + 0.5);
  check_works(*box, zygote);
}

TEST_CASE("SB-1: a worker or the launcher dies", "[runtime][sandbox]") {
  const auto box = start_sandbox();
  const bool zygote = GENERATE(true, false);
  const char* const name = GENERATE("thespis-keeper", "thespis-launch");
  check_works(*box, zygote);
  const Outcome outcome = harm(*box, name, SIGKILL, zygote, 60);
  CHECK(outcome.ending == Ending::kInfrastructure);
  check_works(*box, zygote);
  check_works(*box, !zygote);
}

TEST_CASE("SB-1: a cancelled job ends", "[runtime][sandbox]") {
  Options options;
  options.jobs_at_once = 1;
  const auto box = start_sandbox(std::move(options));
  const Job job = job_of(*box, "python", "import time\ntime.sleep(60)\n");
  std::vector<Outcome> outcomes;
  const auto keep = [&](Outcome outcome) { outcomes.push_back(std::move(outcome)); };
  const uint64_t running = box->run(job, keep), queued = box->run(job, keep);
  box->poll(0);
  box->cancel(queued);
  box->cancel(running);
  box->cancel(running);
  box->cancel(12345678);
  while (outcomes.size() < 2) box->poll(-1);
  for (const Outcome& outcome : outcomes) {
    CHECK(outcome.ending == Ending::kInfrastructure);
    CHECK(outcome.detail == "cancelled");
  }
  check_works(*box, true);
}

TEST_CASE("sandbox: the queue is bounded", "[runtime][sandbox]") {
  Options options;
  options.queue_jobs_max = 3;
  const auto box = start_sandbox(std::move(options));
  const Job job = job_of(*box, "python", "pass");
  size_t done = 0;
  for (int i = 0; i < 3; ++i) CHECK(box->run(job, [&](Outcome) { ++done; }) != 0);
  CHECK(box->run(job, [&](Outcome) { ++done; }) == 0);
  while (done < 3) box->poll(-1);
  CHECK(box->run(job, [&](Outcome) { ++done; }) != 0);
  while (done < 4) box->poll(-1);
}
