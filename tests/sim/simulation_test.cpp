// A simulated cluster runs the real actors: a training ends well, a seed gives the same events each
// time, and seeds that once broke a promise stay as tests.

#include "sim/simulation.hpp"

#include <catch2/catch_test_macros.hpp>

#include "tests/support/seeds.hpp"

namespace thespis::sim {
namespace {

Scenario named(const std::string& name) {
  return load_scenario(std::string(THESPIS_SOURCE_DIR) + "/sim/scenarios/" + name + ".toml");
}

std::string text_of(const Outcome& outcome) {
  if (!outcome.violation) return "all held";
  return outcome.violation->promise + ": " + outcome.violation->text;
}

TEST_CASE("simulation: a training without faults runs to its end, and every promise holds") {
  const Scenario scenario = named("small");
  const Outcome outcome = simulate(scenario, test::seed());
  CHECK(text_of(outcome) == "all held");
  CHECK(outcome.steps == scenario.recipe.train.steps);
  CHECK(outcome.consumed == scenario.recipe.train.steps * scenario.recipe.train.groups_per_step);
  CHECK(outcome.dropped == 0);
}

TEST_CASE("simulation: REPLAY: the same seed gives the same events, another seed others") {
  const Scenario scenario = named("mixed-faults");
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    const Outcome first = simulate(scenario, seed), second = simulate(scenario, seed);
    INFO("seed " << seed);
    CHECK(first.event_hash == second.event_hash);
    CHECK(first.events == second.events);
    CHECK(first.event_hash != simulate(scenario, seed + 100).event_hash);
  }
}

TEST_CASE("simulation: faults strike, points inside production code are reached") {
  const Scenario scenario = named("mixed-faults");
  std::map<std::string, uint64_t> faults;
  std::map<std::string, std::pair<uint64_t, uint64_t>> points;
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    const Outcome outcome = simulate(scenario, seed);
    for (const auto& [name, count] : outcome.faults) faults[name] += count;
    for (const auto& [name, count] : outcome.points) {
      points[name].first += count.first;
      points[name].second += count.second;
    }
  }
  for (const Fault& fault : scenario.faults) {
    INFO("fault " << static_cast<int>(fault.kind));
    CHECK(faults.size() >= 26);
  }
  CHECK(faults["half a frame, refused"] > 0);
  CHECK(faults["memory, killed"] > 0);
  for (const char* name :
       {"sampler_starts_under_old_weights", "journal_sync_fails", "checkpoint_rename_fails",
        "pool_dispatches_late", "weights_cannot_be_had", "reward_rule_throws"}) {
    INFO(name);
    CHECK(points[name].first > 0);
    CHECK(points[name].second > 0);
  }
}

// Each broke a promise once; docs/simulation.md says which, and what it was.
TEST_CASE("simulation: seeds that found bugs") {
  const Scenario scenario = named("mixed-faults");
  for (const uint64_t seed : {1, 4, 9, 38, 100, 404, 484, 576, 585, 825, 928, 39848}) {
    INFO("seed " << seed);
    CHECK(text_of(simulate(scenario, seed)) == "all held");
  }
}

TEST_CASE("simulation: full queues push back: no group is dropped, no run ends for one") {
  const Scenario scenario = named("full-queues");
  const Outcome outcome = simulate(scenario, test::seed());
  CHECK(text_of(outcome) == "all held");
  CHECK(outcome.consumed == scenario.recipe.train.steps * scenario.recipe.train.groups_per_step);
}

TEST_CASE("simulation: prompts that kill reward workers end no run and no evaluation") {
  const Scenario scenario = named("poison");
  uint64_t dropped = 0;
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    INFO("seed " << seed);
    const Outcome outcome = simulate(scenario, seed);
    CHECK(text_of(outcome) == "all held");
    dropped += outcome.dropped;
  }
  CHECK(dropped > 0);
}

TEST_CASE("simulation: a cluster that stands still is told by DEADLINE, with who is down") {
  Scenario scenario = named("small");
  scenario.cluster.restart_s = 86400;  // Nobody watches over the workers.
  scenario.check.faults_until_s = 10;
  scenario.check.finish_within_s = 600;
  scenario.faults.push_back({FaultKind::kCrash, "cpu", "head", 1, 0, 1, 1});
  const Outcome outcome = simulate(scenario, 1);
  REQUIRE(outcome.violation);
  CHECK(outcome.violation->promise == "DEADLINE");
  CHECK(outcome.violation->text.find("cpu") != std::string::npos);
  CHECK_FALSE(outcome.last.empty());
}

}  // namespace
}  // namespace thespis::sim
