// Goal: the timeline is what the trace event format asks for, so that Perfetto shows all of it:
// numbered tracks that have names, complete spans that do not cross on a track, moments in order.
// Method: the rules of the format, checked on a run with faults.

#include <catch2/catch_test_macros.hpp>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "sim/simulation.hpp"

namespace thespis::sim {
namespace {

using nlohmann::json;
using Track = std::pair<uint32_t, uint32_t>;  // Process, thread.

TEST_CASE("trace: a timeline keeps the rules of the trace event format") {
  const Scenario scenario =
      load_scenario(std::string(THESPIS_SOURCE_DIR) + "/sim/scenarios/mixed-faults.toml");
  const json document = json::parse(simulate(scenario, 3, /*with_timeline=*/true).timeline);
  std::map<uint32_t, std::string> processes;
  std::map<Track, std::string> named;
  std::set<Track> used;
  std::map<Track, double> until, last;
  size_t spans = 0, moments = 0;
  for (const json& event : document.at("traceEvents")) {
    const std::string phase = event.at("ph");
    const Track track{event.at("pid").get<uint32_t>(), event.at("tid").get<uint32_t>()};
    REQUIRE(event.at("pid").is_number_unsigned());
    REQUIRE(event.at("tid").is_number_unsigned());
    REQUIRE_FALSE(event.at("name").get<std::string>().empty());
    if (phase == "M") {
      const std::string called = event.at("args").at("name");
      if (event.at("name") == "process_name")
        processes[track.first] = called;
      else
        REQUIRE(named.emplace(track, called).second);
      continue;
    }
    used.insert(track);
    const double at = event.at("ts");
    REQUIRE(at >= 0);
    if (phase == "X") {
      constexpr double kRounding = 1e-3;  // A nanosecond, in microseconds.
      REQUIRE(event.at("dur").get<double>() >= 0);
      REQUIRE(at + kRounding >= until[track]);
      until[track] = at + event.at("dur").get<double>();
      ++spans;
    } else {
      REQUIRE(phase == "i");
      REQUIRE(event.at("s") == "p");
      REQUIRE(at >= last[track]);
      last[track] = at;
      ++moments;
    }
  }
  for (const Track& track : used) {
    CHECK(named.contains(track));
    CHECK(processes.contains(track.first));
  }
  CHECK(processes.at(0) == "head");
  CHECK(spans > 100);
  CHECK(moments > 10);
}

}  // namespace
}  // namespace thespis::sim
