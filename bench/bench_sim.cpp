// What the simulator costs: events a second with frames encoded and checked as on the wire, and
// passed by reference; bytes an actor; an hour of a run of R1's size on a thousand nodes.

#include <cstdio>
#include <fstream>
#include <string>

#include "runtime/env/clock.hpp"
#include "sim/simulation.hpp"

namespace {

using namespace thespis;

/// Resident memory of this process at its highest, bytes.
double peak_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmHWM:")) return std::stod(line.substr(6)) * 1024;
  return 0;
}

/// Returns the most actors that lived at a time.
uint64_t measure(const char* what, const sim::Scenario& scenario, uint64_t seeds) {
  const env::RealClock clock;
  const auto started = clock.now();
  uint64_t events = 0, actors = 0;
  double virtual_s = 0;
  for (uint64_t seed = 1; seed <= seeds; ++seed) {
    const auto outcome = sim::simulate(scenario, seed);
    if (outcome.violation)
      std::printf("%s broke %s: %s\n", what, outcome.violation->promise.c_str(),
                  outcome.violation->text.c_str());
    events += outcome.events;
    actors = outcome.actors_max;
    virtual_s += outcome.virtual_s;
  }
  const double seconds = env::seconds(clock.now() - started);
  std::printf("%-34s %10llu %8.1f %10.0f %10.0f %8llu\n", what,
              static_cast<unsigned long long>(events), seconds,
              static_cast<double>(events) / seconds, virtual_s,
              static_cast<unsigned long long>(actors));
  std::fflush(stdout);
  return actors;
}

}  // namespace

int main() {
  std::printf("%-34s %10s %8s %10s %10s %8s\n", "scenario", "events", "s", "events/s", "virtual s",
              "actors");
  const double before = peak_bytes();
  double actors = 0;
  for (const bool encoded : {true, false}) {
    auto hour = sim::load_scenario("sim/scenarios/r1-hour.toml");
    hour.workload.encoded = encoded;
    actors = static_cast<double>(
        measure(encoded ? "an hour of R1, encoded" : "an hour of R1, by reference", hour, 1));
  }
  std::printf(
      "memory: %.0f MB at its highest, %.0f MB before: %.0f kB an actor, its share of an actor "
      "system for each node with it\n",
      peak_bytes() / 1e6, before / 1e6, (peak_bytes() - before) / 1e3 / actors);
  for (const bool encoded : {true, false}) {
    auto small = sim::load_scenario("sim/scenarios/mixed-faults.toml");
    small.workload.encoded = encoded;
    measure(encoded ? "mixed faults, encoded" : "mixed faults, by reference", small, 200);
  }
  return 0;
}
