// What asynchrony is worth when rewards are slow: the default recipe with a lognormal sleep in the
// reward actor, its mean ten times a learner step, synchronous against asynchronous in one run.
//   bench_async [THESPIS_PROGRAM]     run in the source tree; prints one table
// The learner step is measured first, without a delay. Steps per minute are counted in the steady
// state: neither the first wait, which fills the pipeline, nor the end, where nothing is admitted.

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

struct Run {
  double steps_per_minute = 0;
  double idle_share = 0;    ///< Of the learner, over the steps counted.
  double reward_share = 0;  ///< Of that: the steps in which a reward was waited for most.
  double busy_s = 0;        ///< Of the learner, per step.
  double age_mean = 0;
  uint64_t age_max = 0;
  uint64_t steps = 0;
};

/// Trains; steps up to `skip` fill the pipeline, the last `drain` empty it: they are not counted.
Run train(const std::string& program, const std::string& out, uint64_t steps, uint64_t skip,
          uint64_t drain, uint32_t max_age, double delay_s) {
  const auto set = [](const std::string& key, const auto& value) {
    return key + "=" + std::to_string(value);
  };
  std::filesystem::remove_all(out);
  thespis::bench::run_program({program,
                               "train",
                               "recipes/zero-tiny.toml",
                               "--out",
                               out,
                               "--set",
                               set("train.steps", steps),
                               "--set",
                               set("train.max_age", max_age),
                               "--set",
                               set("rewards.delay_mean_s", delay_s),
                               "--set",
                               "rewards.delay_sigma=0.5",
                               "--set",
                               "rewards.capacity=16384",
                               "--set",
                               "rewards.workers=4",
                               "--set",
                               "rewards.deadline_s=3600",
                               "--set",
                               "eval.prompts=0",
                               "--set",
                               "checkpoint.every=1000000"},
                              out + ".log");
  std::ifstream file(out + "/metrics.jsonl");
  Run run;
  double first_wall = 0, wall = 0, busy = 0, ages = 0, for_rewards = 0;
  for (std::string text; std::getline(file, text);) {
    const json line = json::parse(text);
    if (line["step"].get<uint64_t>() + drain > steps) break;
    wall = line["wall_s"];
    if (line["step"].get<uint64_t>() <= skip) {
      first_wall = wall;
      continue;
    }
    ++run.steps;
    busy += line["learner_busy_s"].get<double>();
    ages += line["age_mean"].get<double>();
    if (line["starved_by"] == "reward") for_rewards += line["learner_wait_s"].get<double>();
    run.age_max = std::max(run.age_max, line["age_max"].get<uint64_t>());
  }
  const double n = static_cast<double>(run.steps);
  run.steps_per_minute = 60 * n / (wall - first_wall);
  run.busy_s = busy / n;
  run.idle_share = 1 - busy / (wall - first_wall);
  run.reward_share = for_rewards / (wall - first_wall);
  run.age_mean = ages / n;
  return run;
}

void print(const char* name, const Run& run) {
  std::printf("%-24s %6lu %12.2f %12.1f %% %12.1f %% %9.2f %6lu\n", name,
              static_cast<unsigned long>(run.steps), run.steps_per_minute, 100 * run.idle_share,
              100 * run.reward_share, run.age_mean, static_cast<unsigned long>(run.age_max));
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe");
  const std::string program =
      argc > 1 ? argv[1] : (self.parent_path().parent_path() / "thespis").string();
  const std::string out =
      (std::filesystem::temp_directory_path() / ("bench_async." + std::to_string(getpid())))
          .string();
  // The slowest sleep of the groups in flight is about five times the mean, that is 50 steps: with
  // a lower bound the learner waits for stragglers, as it must.
  constexpr uint32_t kMaxAge = 64;
  const Run fast = train(program, out, 6, 2, 0, 0, 0);
  const double delay_s = 10 * fast.busy_s;
  std::printf("learner step %.2f s, reward delay lognormal, mean %.1f s, sigma 0.5\n", fast.busy_s,
              delay_s);
  std::printf("%-24s %6s %12s %14s %14s %9s %6s\n", "", "steps", "steps/min", "learner idle",
              "for rewards", "age mean", "max");
  print("no delay, synchronous", fast);
  const Run sync = train(program, out, 4, 1, 0, 0, delay_s);
  print("synchronous", sync);
  const Run async = train(program, out, 170, 40, kMaxAge + 1, kMaxAge, delay_s);
  print("asynchronous, age <= 64", async);
  std::printf(
      "asynchronous / synchronous: %.2f times (goal 2.77), learner idle for rewards %.1f %% (goal "
      "< "
      "5); the rest is the sampler's turn on the cores that both share\n",
      async.steps_per_minute / sync.steps_per_minute, 100 * async.reward_share);
  std::filesystem::remove_all(out);
  std::filesystem::remove(out + ".log");
  return 0;
}
