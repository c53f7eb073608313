// How far the planner's predictions are from what a training really does: the CPU recipe with slow
// rewards, in five settings. Short synchronous runs without delays are measured between them; from
// the two beside a setting alone its steps a minute are predicted.
//   bench_plan [THESPIS_PROGRAM]     run in the source tree; prints one table

#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "bench/run_program.hpp"
#include "runtime/config/load.hpp"
#include "sim/plan/plan.hpp"
#include "sim/plan/times.hpp"

namespace {

using namespace thespis;

struct Setting {
  const char* name;
  uint32_t max_age;
  double delay_mean_s, delay_sigma;
  uint32_t workers, capacity;
};

constexpr Setting kSettings[] = {
    {"synchronous, rewards of 0.5 s", 0, 0.5, 0.5, 2, 4096},
    {"max_age 1, rewards of 1 s", 1, 1, 0.5, 2, 4096},
    {"max_age 4, rewards of 1 s", 4, 1, 0.5, 2, 4096},
    {"max_age 8, rewards of 2 s, long tail", 8, 2, 1, 2, 4096},
    {"max_age 4, 0.5 s, 64 verdicts at a time", 4, 0.5, 0.5, 2, 32},
};
constexpr uint64_t kSteps = 16;  // As a prediction counts.

std::vector<std::string> overrides_of(const Setting& setting, uint64_t steps) {
  const auto number = [](const char* key, auto value) {
    std::ostringstream text;
    text << key << '=' << value;
    return text.str();
  };
  return {number("train.steps", steps), number("train.max_age", setting.max_age),
          number("train.groups_per_step", 16), number("rewards.delay_mean_s", setting.delay_mean_s),
          number("rewards.delay_sigma", setting.delay_sigma),
          number("rewards.workers", setting.workers), number("rewards.capacity", setting.capacity),
          number("rewards.deadline_s", 3600),
          // A policy that learns writes longer answers than those that were measured.
          number("train.learning_rate", 1e-12), number("eval.prompts", 0),
          number("checkpoint.every", 1'000'000)};
}

/// Trains, and returns the file of its metrics.
std::string train(const std::string& program, const std::string& out, const Setting& setting,
                  uint64_t steps) {
  std::filesystem::remove_all(out);
  std::vector<std::string> arguments{program, "train", "recipes/zero-tiny.toml", "--out", out};
  for (const std::string& one : overrides_of(setting, steps)) {
    arguments.push_back("--set");
    arguments.push_back(one);
  }
  bench::run_program(arguments, out + ".log");
  return out + "/metrics.jsonl";
}

/// Of the steps between the filling of the pipeline and its end.
double measured_steps_per_minute(const std::string& metrics, uint64_t edge, uint64_t steps) {
  std::ifstream file(metrics);
  double begin = 0, end = 0;
  for (std::string text; std::getline(file, text);) {
    const auto line = nlohmann::json::parse(text);
    const auto step = line["step"].get<uint64_t>();
    if (step == edge) begin = line["wall_s"];
    if (step == steps - edge) end = line["wall_s"];
  }
  return 60 * static_cast<double>(steps - 2 * edge) / (end - begin);
}

sim::Scenario cluster_for(const Setting& setting) {
  const auto recipe =
      config::load("recipes/zero-tiny.toml", overrides_of(setting, kSteps), config::Verb::kShow)
          .recipe;
  sim::Scenario scenario = sim::load_cluster("sim/clusters/one-machine.toml", recipe);
  scenario.cluster.head_rewards = setting.workers;
  return scenario;
}

/// What a short synchronous run without delays shows of this machine.
sim::Measured measure(const std::string& program, const std::string& out) {
  const Setting plain{"plain", 0, 0, 0.5, 2, 4096};
  const std::string metrics = train(program, out, plain, 9);
  std::ifstream file(metrics);
  std::stringstream text;
  text << file.rdbuf();
  return sim::read_metrics(text.str(), metrics);
}

sim::Measured middle_of(const sim::Measured& a, const sim::Measured& b) {
  sim::Measured m = a;
  m.busy_s = (a.busy_s + b.busy_s) / 2;
  m.wait_s = (a.wait_s + b.wait_s) / 2;
  return m;
}

}  // namespace

int main(int argc, char** argv) {
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe");
  const std::string program =
      argc > 1 ? argv[1] : (self.parent_path().parent_path() / "thespis").string();
  const std::string out =
      (std::filesystem::temp_directory_path() / ("bench_plan." + std::to_string(getpid())))
          .string();
  std::printf("%-40s %17s %11s %11s %7s\n", "steps a minute", "learn + sample, s", "predicted",
              "measured", "error");
  sim::Measured before = measure(program, out);
  for (const Setting& setting : kSettings) {
    const uint64_t edge = setting.max_age + 1;
    const uint64_t steps = kSteps + 2 * edge;
    const double real = measured_steps_per_minute(train(program, out, setting, steps), edge, steps);
    // The machine's own speed changes within minutes: it is measured on both sides.
    const sim::Measured after = measure(program, out);
    const sim::Measured now = middle_of(before, after);
    sim::Scenario scenario = cluster_for(setting);
    sim::calibrate(scenario, now);
    const double predicted = sim::predict(scenario).steps_per_hour / 60;
    std::printf("%-40s %10.2f + %.2f %11.1f %11.1f %5.1f %%\n", setting.name, now.busy_s,
                now.wait_s, predicted, real, 100 * (predicted / real - 1));
    std::fflush(stdout);
    before = after;
  }
  std::filesystem::remove_all(out);
  std::filesystem::remove(out + ".log");
  return 0;
}
