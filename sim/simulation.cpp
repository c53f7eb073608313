#include "sim/simulation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "runtime/base/error.hpp"
#include "runtime/store/journal.hpp"
#include "sim/cluster/process.hpp"
#include "sim/faults/injector.hpp"
#include "sim/network/network.hpp"

namespace thespis::sim {
namespace {

uint64_t count_actors(World& world) {
  uint64_t actors = 0;
  for (uint32_t i = 0; i < world.node_count(); ++i)
    if (world.node(i).process) actors += world.node(i).process->system().registry().running();
  return actors;
}

uint64_t event_count(World& world) {
  return world.queue().count() + world.trace().messages();
}

void check_limits(World& world) {
  constexpr uint64_t kMegabyte = 1'000'000;
  const uint64_t limit = world.scenario().check.queue_mb_max * kMegabyte;
  const auto& check = world.scenario().check;
  world.checker().queue("the network", world.network().bytes_under_way(), limit);
  world.checker().queue("the head's disk", world.disk().held_bytes(),
                        check.disk_mb_max * kMegabyte);
  if (world.queue().size() > check.waiting_events_max)
    world.checker().violation(
        "BOUNDED", "the simulator has " + std::to_string(world.queue().size()) + " events to come");
  // Completions that are remembered belong to open groups, or to attempts that came too late.
  const auto& train = world.scenario().recipe.train;
  const uint64_t open_max = uint64_t{train.max_age + 2} * train.groups_per_step;
  constexpr uint64_t kAttempts = 16;
  const uint64_t remembered_max = open_max * world.scenario().recipe.rollout.group_size * kAttempts;
  if (world.checker().remembered() > remembered_max)
    world.checker().violation(
        "BOUNDED",
        "the simulator remembers " + std::to_string(world.checker().remembered()) + " completions");
}

std::string who_waits(World& world) {
  std::string down;
  for (uint32_t i = 0; i < world.node_count(); ++i)
    if (!world.node(i).process) down += (down.empty() ? "" : ", ") + world.node(i).name;
  return fmt::format("the run waits after step {}{}", world.checker().steps_done(),
                     down.empty() ? "" : "; down: " + down);
}

void check_finished(World& world) {
  store::Journal journal(world.disk(), "run/ledger.journal");
  world.checker().audit(journal.take_recovered());
}

}  // namespace

Outcome simulate(const Scenario& scenario, uint64_t seed, bool with_timeline) {
  Outcome outcome;
  outcome.seed = seed;
  World world(scenario, seed, with_timeline);
  Injector injector(world);
  Checker& checker = world.checker();
  try {
    world.boot(0);
    for (uint32_t i = 1; i < world.node_count(); ++i)
      world.boot_after(i, world.node(i).group->joins_at_s);
    injector.start();
    const Nanoseconds end =
        duration(scenario.check.faults_until_s) + duration(scenario.check.finish_within_s);
    constexpr uint64_t kBetweenChecks = 1024;
    for (uint64_t n = 0; !world.finished() && !checker.first(); ++n) {
      if (!world.queue().step()) {
        checker.violation("DEADLINE", "nothing is left to happen: " + who_waits(world));
      } else if (world.now() > end) {
        checker.violation("DEADLINE",
                          fmt::format("not done {} s after the last fault: {}",
                                      scenario.check.finish_within_s, who_waits(world)));
      } else if (event_count(world) > scenario.check.events_max) {
        checker.violation("DEADLINE", fmt::format("not done after {} events: {}",
                                                  scenario.check.events_max, who_waits(world)));
      }
      if (n % kBetweenChecks != 0) continue;
      check_limits(world);
      outcome.actors_max = std::max(outcome.actors_max, count_actors(world));
    }
    if (!checker.first()) check_finished(world);
  } catch (const std::exception& error) {
    checker.violation("CRASH", error.what());
  }
  outcome.violation = checker.first();
  outcome.events = event_count(world);
  outcome.event_hash = world.trace().hash();
  outcome.virtual_s = env::seconds(world.now());
  outcome.steps = checker.steps_done();
  outcome.consumed = checker.consumed();
  outcome.dropped = checker.dropped_count();
  outcome.resumes = world.resumes();
  outcome.frames = world.network().frames();
  outcome.network_bytes_max = world.network().bytes_max();
  outcome.queue_events_max = world.queue().size_max();
  outcome.faults = world.fault_counts();
  outcome.points = world.points();
  outcome.figures = world.figures();
  for (size_t age = 0; age < checker.ages(); ++age)
    outcome.figures.tokens_by_age.push_back(checker.age_sum(age));
  if (outcome.violation) outcome.last = world.trace().last(world.names());
  if (with_timeline) outcome.timeline = world.trace().timeline(world.names());
  return outcome;
}

}  // namespace thespis::sim
