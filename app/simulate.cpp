// `thespis simulate`: seeds of a scenario, on all cores; what broke first, and how to see it again.

#include <atomic>
#include <cstdio>
#include <fstream>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>
#include <vector>

#include "actors/training/workers.hpp"
#include "app/verbs.hpp"
#include "runtime/base/error.hpp"
#include "runtime/env/clock.hpp"
#include "runtime/env/mutant.hpp"
#include "sim/simulation.hpp"

#ifndef THESPIS_COMMIT
#define THESPIS_COMMIT "unknown"
#endif

namespace thespis::app {
namespace {

/// What all seeds came to.
struct Total {
  uint64_t seeds = 0, events = 0, steps = 0, dropped = 0, resumes = 0, hash = 0;
  std::map<std::string, uint64_t> faults;
  std::map<std::string, std::pair<uint64_t, uint64_t>> points;
  std::map<uint64_t, sim::Outcome> failed;  // By seed.
  std::string timeline;
  double virtual_s = 0;

  void add(sim::Outcome outcome) {
    ++seeds;
    events += outcome.events;
    steps += outcome.steps;
    dropped += outcome.dropped;
    resumes += outcome.resumes;
    virtual_s += outcome.virtual_s;
    hash ^= outcome.event_hash * (2 * outcome.seed + 1);  // Whatever the order of the threads.
    for (const auto& [name, count] : outcome.faults) faults[name] += count;
    for (const auto& [name, count] : outcome.points) {
      points[name].first += count.first;
      points[name].second += count.second;
    }
    if (!outcome.timeline.empty()) timeline = std::move(outcome.timeline);
    if (outcome.violation) failed.emplace(outcome.seed, std::move(outcome));
  }
};

Total run_all(const sim::Scenario& scenario, const SimulateArguments& arguments) {
  Total total;
  std::mutex mutex;
  std::atomic<uint64_t> next{0};
  constexpr size_t kFailuresMax = 20;
  const auto work = [&] {
    env::mutant = arguments.mutant;
    for (uint64_t i = next++; i < arguments.seeds; i = next++) {
      const uint64_t seed = arguments.from + i;
      auto outcome = sim::simulate(scenario, seed, i == 0 && !arguments.trace.empty());
      const std::lock_guard lock(mutex);
      total.add(std::move(outcome));
      if (total.failed.size() >= kFailuresMax) return;
    }
  };
  std::vector<std::thread> threads;
  const auto jobs = std::min<uint64_t>(thread_count(arguments.jobs), arguments.seeds);
  for (uint64_t i = 0; i < jobs; ++i) threads.emplace_back(work);
  for (auto& thread : threads) thread.join();
  return total;
}

std::string hex(uint64_t n) {
  char text[20];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(n));
  return text;
}

void print_json(const Total& total, double seconds) {
  nlohmann::ordered_json violations = nlohmann::ordered_json::array();
  for (const auto& [seed, outcome] : total.failed)
    violations.push_back({{"seed", seed},
                          {"promise", outcome.violation->promise},
                          {"text", outcome.violation->text}});
  nlohmann::ordered_json points;
  for (const auto& [name, count] : total.points)
    points[name] = {{"reached", count.first}, {"struck", count.second}};
  const nlohmann::ordered_json json{{"seeds", total.seeds},
                                    {"violations", violations},
                                    {"events", total.events},
                                    {"events_per_s", static_cast<double>(total.events) / seconds},
                                    {"event_hash", hex(total.hash)},
                                    {"faults", total.faults},
                                    {"fault_points", points},
                                    {"steps", total.steps},
                                    {"dropped", total.dropped},
                                    {"resumes", total.resumes},
                                    {"virtual_s", total.virtual_s},
                                    {"wall_s", seconds},
                                    {"commit", THESPIS_COMMIT}};
  std::printf("%s\n", json.dump(2).c_str());
}

void print_failure(const sim::Outcome& outcome, const SimulateArguments& arguments) {
  std::printf("\nseed %llu broke %s: %s\n", static_cast<unsigned long long>(outcome.seed),
              outcome.violation->promise.c_str(), outcome.violation->text.c_str());
  std::printf("  the last events that led there:\n");
  for (const std::string& line : outcome.last) std::printf("    %s\n", line.c_str());
  std::printf("  to see it again: ./thespis simulate %s --from %llu --seeds 1\n",
              arguments.scenario.c_str(), static_cast<unsigned long long>(outcome.seed));
}

void print_text(const Total& total, double seconds, const SimulateArguments& arguments) {
  std::printf("%llu events in %.1f s: %.0f events/s, %.0f s of virtual time for each of real\n",
              static_cast<unsigned long long>(total.events), seconds,
              static_cast<double>(total.events) / seconds, total.virtual_s / seconds);
  if (!total.faults.empty()) {
    std::printf("faults:");
    for (const auto& [name, count] : total.faults)
      std::printf(" %s %llu", name.c_str(), static_cast<unsigned long long>(count));
    std::printf("\n");
  }
  std::printf("%llu steps, %llu groups dropped, %llu runs resumed after an error\n",
              static_cast<unsigned long long>(total.steps),
              static_cast<unsigned long long>(total.dropped),
              static_cast<unsigned long long>(total.resumes));
  for (const char* promise :
       {"ONCE", "AGE", "VERDICT", "DEADLINE", "WEIGHTS", "BOUNDED", "SEED", "SAME-MATH", "CRASH"}) {
    size_t broken = 0;
    for (const auto& [seed, outcome] : total.failed)
      broken += outcome.violation->promise == promise;
    if (broken == 0)
      std::printf("  %-9s held\n", promise);
    else
      std::printf("  %-9s BROKEN by %zu seeds\n", promise, broken);
  }
  std::printf("event hash %s\n", hex(total.hash).c_str());
  constexpr size_t kShown = 3;
  size_t shown = 0;
  for (const auto& [seed, outcome] : total.failed)
    if (shown++ < kShown) print_failure(outcome, arguments);
}

}  // namespace

int run_simulate(const SimulateArguments& arguments) {
  if (!arguments.mutant.empty() && !env::kHasMutants)
    throw InputError("--mutant: this build has none; configure with -DTHESPIS_MUTANTS=ON");
  const sim::Scenario scenario = sim::load_scenario(arguments.scenario);
  if (!arguments.json)
    std::printf(
        "scenario %s, seeds %llu to %llu, commit %s\n%zu nodes, %llu steps of %u groups of "
        "%u, max_age %u, %zu kinds of faults\n",
        scenario.name.c_str(), static_cast<unsigned long long>(arguments.from),
        static_cast<unsigned long long>(arguments.from + arguments.seeds - 1), THESPIS_COMMIT,
        sim::node_names(scenario).size(),
        static_cast<unsigned long long>(scenario.recipe.train.steps),
        scenario.recipe.train.groups_per_step, scenario.recipe.rollout.group_size,
        scenario.recipe.train.max_age, scenario.faults.size());
  std::fflush(stdout);
  const env::RealClock clock;
  const auto started = clock.now();
  const Total total = run_all(scenario, arguments);
  const double seconds = env::seconds(clock.now() - started);
  if (!arguments.trace.empty()) {
    std::ofstream file(arguments.trace);
    file << total.timeline;
    if (!file) throw Error(arguments.trace + ": cannot be written");
  }
  if (arguments.json)
    print_json(total, seconds);
  else
    print_text(total, seconds, arguments);
  return total.failed.empty() ? 0 : 1;
}

}  // namespace thespis::app
