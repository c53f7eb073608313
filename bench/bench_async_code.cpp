// What asynchrony is worth when rewards are programs that take seconds: the code recipe with tests
// that really sleep in the sandbox, and ever twice as many code-reward workers until the learner is
// the limit.
//   bench_async_code [THESPIS_PROGRAM] [SECONDS_A_TEST]    run in the source tree; prints one table
// Steps are counted in the steady state: the first fill the pipeline, at the end nothing is
// admitted.

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "bench/run_program.hpp"

namespace {

using nlohmann::json;

constexpr unsigned kJobs = 32;  // Programs that one worker runs at a time.
constexpr unsigned kGroups = 8, kGroupSize = 8, kMaxAge = 8;
constexpr uint64_t kSteps = 40, kSkip = 12, kDrain = 9;

struct Run {
  double steps_per_minute = 0, idle_share = 0, busy_s = 0;
  std::string starved_by;
};

Run train(const std::string& program, const std::string& out, unsigned workers, double wait_s) {
  std::filesystem::remove_all(out);
  std::vector<std::string> arguments{program, "train", "recipes/zero-code-tiny.toml", "--out", out};
  const auto set = [&arguments](const std::string& key, const auto& value) {
    arguments.push_back("--set");
    arguments.push_back(key + "=" + std::to_string(value));
  };
  set("train.steps", kSteps);
  set("train.groups_per_step", kGroups);
  set("rollout.group_size", kGroupSize);
  set("train.max_age", kMaxAge);
  set("data.programs.test_wait_s", wait_s);
  set("rewards.code.workers", workers);
  set("rewards.code.jobs", kJobs);
  set("rewards.code.capacity", kJobs);
  set("rewards.deadline_s", 3600);
  set("eval.prompts", 0);
  set("checkpoint.every", 1'000'000);
  thespis::bench::run_program(arguments, out + ".log");
  std::ifstream file(out + "/metrics.jsonl");
  double first_wall = 0, wall = 0, busy = 0, steps = 0;
  Run run;
  for (std::string text; std::getline(file, text);) {
    const json line = json::parse(text);
    if (line["step"].get<uint64_t>() + kDrain > kSteps) break;
    wall = line["wall_s"];
    if (line["step"].get<uint64_t>() <= kSkip) {
      first_wall = wall;
      continue;
    }
    ++steps;
    busy += line["learner_busy_s"].get<double>();
    run.starved_by = line["starved_by"];
  }
  run.steps_per_minute = 60 * steps / (wall - first_wall);
  run.busy_s = busy / steps;
  run.idle_share = 1 - busy / (wall - first_wall);
  return run;
}

}  // namespace

int main(int argc, char** argv) {
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe");
  const std::string program =
      argc > 1 ? argv[1] : (self.parent_path().parent_path() / "thespis").string();
  const double wait_s = argc > 2 ? std::strtod(argv[2], nullptr) : 2.0;
  const std::string out =
      (std::filesystem::temp_directory_path() / ("bench_async_code." + std::to_string(getpid())))
          .string();
  std::printf("%u rollouts a step, each judged in %.1f s; a worker runs %u programs at a time\n",
              kGroups * kGroupSize, wait_s, kJobs);
  std::printf("%8s %12s %14s %14s  %s\n", "workers", "steps/min", "learner idle", "learner step",
              "waiting for");
  const unsigned first = argc > 3 ? static_cast<unsigned>(std::strtoul(argv[3], nullptr, 10)) : 1;
  constexpr unsigned kWorkersMax = 64;
  for (unsigned workers = first; workers <= kWorkersMax; workers *= 2) {
    const Run run = train(program, out, workers, wait_s);
    std::printf("%8u %12.2f %12.1f %% %12.2f s  %s\n", workers, run.steps_per_minute,
                100 * run.idle_share, run.busy_s, run.starved_by.c_str());
    std::fflush(stdout);
    constexpr double kIdleGoal = 0.05;
    if (run.idle_share < kIdleGoal) break;
  }
  std::filesystem::remove_all(out);
  std::filesystem::remove(out + ".log");
  return 0;
}
