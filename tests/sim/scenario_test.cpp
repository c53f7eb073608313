// Scenarios: what is wrong with one is said in one line before anything runs.

#include "sim/scenario/scenario.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "runtime/base/error.hpp"
#include "sim/scenario/keys.hpp"

namespace thespis::sim {
namespace {

using Catch::Matchers::ContainsSubstring;

constexpr const char* kGood = R"(
[recipe.train]
steps = 2
groups_per_step = 2
[recipe.eval]
prompts = 2
[[node]]
name = "gpu"
count = 2
samplers = 1
references = 1
[[node]]
name = "cpu"
rewards = 1
[[fault]]
kind = "partition"
node = "gpu-1"
every_s = 5
)";

std::string refusal(const std::string& text) {
  try {
    parse_scenario(text, "s.toml");
  } catch (const InputError& error) {
    return error.what();
  }
  return "accepted";
}

TEST_CASE("scenario: a good one is read whole") {
  const Scenario s = parse_scenario(kGood, "s.toml");
  CHECK(node_names(s) == std::vector<std::string>{"head", "gpu-0", "gpu-1", "cpu"});
  CHECK(s.recipe.train.steps == 2);
  REQUIRE(s.faults.size() == 1);
  CHECK(s.faults[0].kind == FaultKind::kPartition);
  CHECK(name_of(FaultKind::kMemory) == "memory");
  CHECK(static_cast<size_t>(FaultKind::kMemory) + 1 == fault_kind_count());
}

TEST_CASE("scenario: an unknown key is refused with the nearest one") {
  const std::string text(kGood);
  CHECK_THAT(refusal(text + "[link]\nlatncy_ms = 1\n"),
             ContainsSubstring("s.toml:20: unknown key link.latncy_ms; the nearest is "
                               "link.latency_ms"));
  CHECK_THAT(refusal(text + "[[gpu]]\nname = \"a\"\ndecode_ms = 1\n"),
             ContainsSubstring("the nearest is decode_step_ms"));
  CHECK_THAT(refusal("[recipe.train]\nstps = 3\n"),
             ContainsSubstring("the nearest is train.steps"));
}

TEST_CASE("scenario: impossible values are refused by key and range") {
  const std::string text(kGood);
  CHECK_THAT(refusal(text + "[link]\nloss = 2\n"),
             ContainsSubstring("link.loss = 2: must be a number from 0 to 0.9"));
  CHECK_THAT(refusal(text + "[[fault]]\nkind = \"earthquake\"\n"),
             ContainsSubstring("kind = \"earthquake\": must be one of \"crash\""));
  CHECK_THAT(refusal(text + "[[fault]]\nkind = \"crash\"\nat_s = 100000\n"),
             ContainsSubstring("must be below check.faults_until_s"));
  CHECK_THAT(refusal(text + "node = 3\n"), ContainsSubstring("s.toml"));
}

TEST_CASE("scenario: a fault of a node that does not exist is refused") {
  CHECK_THAT(refusal(std::string(kGood) + "[[fault]]\nkind = \"partition\"\nnode = \"gpu-7\"\n"),
             ContainsSubstring("partition of node \"gpu-7\", which does not exist; the nearest is "
                               "gpu-0"));
}

TEST_CASE("scenario: a cluster to plan for has neither recipe nor faults of its own") {
  const auto refused = [](const std::string& text) -> std::string {
    try {
      parse_cluster(text, "c.toml", config::Recipe{});
    } catch (const InputError& error) {
      return error.what();
    }
    return "accepted";
  };
  CHECK_THAT(refused(kGood), ContainsSubstring("recipe: a cluster to plan for has none"));
  CHECK_THAT(refused("[[node]]\nname = \"a\"\nsamplers = 1\nrewards = 1\n"),
             ContainsSubstring("no node has a reference"));
  CHECK_THAT(refused("[[fault]]\nkind = \"crash\"\n"),
             ContainsSubstring("fault: a cluster to plan for"));
}

TEST_CASE("scenario: a role without a worker is refused") {
  std::string text(kGood);
  text.replace(text.find("rewards = 1"), 11, "samplers = 1");
  CHECK_THAT(refusal(text), ContainsSubstring("no node has a reward worker"));
}

}  // namespace
}  // namespace thespis::sim
