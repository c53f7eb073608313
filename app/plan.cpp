// `thespis plan`: how a training would go on a cluster, what limits it, and what it needs.

#include <fmt/format.h>

#include <charconv>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "app/verbs.hpp"
#include "runtime/base/error.hpp"
#include "runtime/config/load.hpp"
#include "runtime/env/file_system.hpp"
#include "runtime/telemetry/metrics.hpp"
#include "sim/plan/picture.hpp"
#include "sim/plan/plan.hpp"
#include "sim/plan/times.hpp"

namespace thespis::app {
namespace {

using nlohmann::ordered_json;

constexpr uint32_t kOtherSeeds = 8;

std::string text_of_file(const std::string& path, uint64_t bytes_max) {
  try {
    const auto bytes = env::RealFileSystem().read(path, bytes_max);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  } catch (const env::FileError& error) {
    throw InputError(error.what());
  }
}

/// "rewards=1,2,4" as what is varied, and over which values.
struct Sweep {
  sim::Knob knob;
  std::vector<uint64_t> values;
};

Sweep parse_sweep(const std::string& text) {
  const auto equals = text.find('=');
  Sweep sweep{sim::knob_named(text.substr(0, equals), "--sweep"), {}};
  std::istringstream parts(equals == text.npos ? "" : text.substr(equals + 1));
  constexpr size_t kValuesMax = 64;
  constexpr uint64_t kValueMax = 65536;
  const uint64_t least = sweep.knob == sim::Knob::kMaxAge ? 0 : 1;
  for (std::string part; std::getline(parts, part, ',');) {
    uint64_t value = 0;
    const char* end = part.data() + part.size();
    const auto read = std::from_chars(part.data(), end, value);
    if (read.ec != std::errc() || read.ptr != end || value < least || value > kValueMax)
      throw InputError(fmt::format("--sweep: '{}': must be a whole number from {} to {}", part,
                                   least, kValueMax));
    sweep.values.push_back(value);
  }
  if (sweep.values.empty() || sweep.values.size() > kValuesMax)
    throw InputError(fmt::format("--sweep: must be NAME=V,V,... with 1 to {} values", kValuesMax));
  return sweep;
}

void print(const sim::Prediction& p) {
  std::printf("%.1f steps an hour (one in %.2f s), learner idle %.1f %%\n", p.steps_per_hour,
              p.step_s, 100 * p.idle_share);
  std::printf("age of tokens:");
  for (size_t age = 0; age < p.ages.size(); ++age)
    if (p.ages[age] >= 0.0005) std::printf("  %zu: %.1f %%", age, 100 * p.ages[age]);
  std::printf("\n%-12s %8s %8s %14s %8s\n", "role", "workers", "busy", "waiting, mean", "most");
  for (const auto& role : p.roles)
    std::printf("%-12s %8llu %6.1f %% %14.1f %8llu\n", role.name.c_str(),
                static_cast<unsigned long long>(role.workers), 100 * role.busy_share,
                role.waiting_mean, static_cast<unsigned long long>(role.waiting_max));
  if (p.dropped > 0)
    std::printf(
        "%llu groups were dropped: deadlines of the recipe are too short for this cluster\n",
        static_cast<unsigned long long>(p.dropped));
}

ordered_json json_of(const sim::Prediction& p) {
  ordered_json roles;
  for (const auto& role : p.roles)
    roles[role.name] = {{"workers", role.workers},
                        {"busy_share", role.busy_share},
                        {"waiting_mean", role.waiting_mean},
                        {"waiting_max", role.waiting_max}};
  return {{"steps_per_hour", p.steps_per_hour},
          {"step_s", p.step_s},
          {"learner_idle_share", p.idle_share},
          {"learner_busy_s", p.learner_busy_s},
          {"ages", p.ages},
          {"roles", roles},
          {"dropped", p.dropped}};
}

void write_picture(const std::string& path, const std::string& svg) {
  std::ofstream file(path);
  file << svg;
  if (!file.flush()) throw Error(path + ": cannot be written");
}

ordered_json run_sweep(const sim::Scenario& scenario, const PlanArguments& arguments) {
  const Sweep sweep = parse_sweep(arguments.sweep);
  std::vector<sim::SweepPoint> points;
  ordered_json rows = ordered_json::array();
  if (!arguments.json)
    std::printf("%-12s %14s %14s %s\n", sim::name_of(sweep.knob).c_str(), "steps an hour",
                "learner idle", "bottleneck");
  for (const uint64_t value : sweep.values) {
    const sim::Scenario there = sim::with(scenario, sweep.knob, value);
    const sim::Prediction p = sim::predict(there);
    const std::string limit = sim::bottleneck_of(there, p).name;
    points.push_back({value, p.steps_per_hour, p.idle_share});
    ordered_json row = json_of(p);
    row["value"] = value;
    row["bottleneck"] = limit;
    rows.push_back(std::move(row));
    if (arguments.json) continue;
    std::printf("%-12llu %14.1f %12.1f %% %s\n", static_cast<unsigned long long>(value),
                p.steps_per_hour, 100 * p.idle_share, limit.c_str());
    std::fflush(stdout);
  }
  if (!arguments.svg.empty())
    write_picture(arguments.svg,
                  sim::sweep_svg(scenario.recipe.name, sim::name_of(sweep.knob), points));
  return rows;
}

}  // namespace

int run_plan(const PlanArguments& arguments) {
  const auto recipe =
      config::load(arguments.recipe, arguments.overrides, config::Verb::kShow).recipe;
  if (!arguments.svg.empty() && arguments.sweep.empty())
    throw InputError("--svg: draws a sweep; give --sweep too");
  sim::Scenario scenario = sim::load_cluster(arguments.cluster, recipe);
  if (!arguments.times.empty())
    sim::calibrate(scenario,
                   sim::read_metrics(text_of_file(arguments.times, telemetry::kMetricsBytesMax),
                                     arguments.times));
  if (!arguments.sweep.empty()) {
    const ordered_json rows = run_sweep(scenario, arguments);
    if (arguments.json) std::printf("%s\n", rows.dump(2).c_str());
    return 0;
  }
  const sim::Prediction now = sim::predict(scenario);
  const sim::Spread chance = sim::spread_of(scenario, kOtherSeeds);
  const sim::Bottleneck limit = sim::bottleneck_of(scenario, now);
  const sim::Need need = sim::need_of(scenario, arguments.idle_max);
  if (arguments.json) {
    ordered_json json = json_of(now);
    json["steps_per_hour_by_chance"] = {chance.least, chance.most};
    json["bottleneck"] = limit.name;
    json["bottleneck_gain"] = limit.gain;
    json["needed"] = {{"reached", need.reached},       {"samplers", need.samplers},
                      {"rewards", need.rewards},       {"references", need.references},
                      {"idle_share", need.idle_share}, {"idle_max", arguments.idle_max}};
    std::printf("%s\n", json.dump(2).c_str());
    return 0;
  }
  print(now);
  std::printf("by chance, of %u other seeds: %.1f to %.1f steps an hour\n", kOtherSeeds,
              chance.least, chance.most);
  if (limit.name == "none")
    std::printf("bottleneck: none; twice as much of anything brings less than 5 %%\n");
  else
    std::printf("bottleneck: %s; twice as %s of it: %.2f times the steps\n", limit.name.c_str(),
                limit.name == "learner" ? "fast" : "much", limit.gain);
  std::printf("%s %llu samplers, %llu reward workers, %llu references: learner idle %.1f %%\n",
              need.reached ? "to keep the learner busy at this max_age:"
                           : "no number of workers keeps the learner busy at this max_age; best:",
              static_cast<unsigned long long>(need.samplers),
              static_cast<unsigned long long>(need.rewards),
              static_cast<unsigned long long>(need.references), 100 * need.idle_share);
  return 0;
}

}  // namespace thespis::app
