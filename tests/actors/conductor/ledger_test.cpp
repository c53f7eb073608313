// Goal: L-1 to L-4 (ledger.hpp): every prompt ends once, no group is consumed over its age, a
// resumed ledger loses and repeats nothing.
// Method: random episodes that finish, filter and drop in any order against a model of the account,
// with saves and restores in between; then the rules one by one.

#include "actors/conductor/ledger.hpp"

#include <catch2/catch_test_macros.hpp>
#include <map>
#include <set>
#include <utility>

#include "runtime/env/random.hpp"
#include "tests/support/seeds.hpp"

using namespace thespis;

namespace {

wire::Message<wire::LedgerState> saved(const Ledger& ledger) {
  return wire::Message<wire::LedgerState>::build([&](auto state) { ledger.save(state); });
}

}  // namespace

TEST_CASE("ONCE and AGE: random episodes, saves and restores", "[actors][fuzz]") {
  const uint64_t seed = test::seed();
  CAPTURE(seed);
  for (uint32_t max_age = 0; max_age <= 3; ++max_age) {
    env::KeyedRandom random(seed, env::Purpose::kSimulation, max_age);
    constexpr uint64_t kPrompts = 2'003;  // Not a multiple of the step: the last one is smaller.
    const Ledger::Limits limits{.groups_per_step = 4, .max_age = max_age, .prompt_count = kPrompts};
    Ledger ledger(limits);
    uint64_t version = 0, waits = 0, overtakes = 0, restores = 0;
    bool computing = false;                // The step of `version` has its groups and is not done.
    std::map<uint64_t, uint64_t> running;  // Group -> version at admission.
    std::map<uint64_t, uint64_t> ready;
    std::map<uint64_t, uint64_t> fate;  // Prompt -> how often it ended.
    std::map<uint64_t, uint64_t> prompt_of;

    for (uint64_t step = 0; !ledger.exhausted(); ++step) {
      REQUIRE(step < 1'000'000);
      while (const auto a = ledger.admit(version)) {
        REQUIRE(a->prompt_index < kPrompts);
        running[a->group] = version;
        prompt_of[a->group] = a->prompt_index;
        REQUIRE(ledger.open_count() <= uint64_t{max_age + 1} * limits.groups_per_step);  // L-1
      }
      if (!running.empty()) {
        // Mostly the young ones finish first, so that overtaking is tried hard.
        auto it = random.below(3) == 0 ? running.begin() : std::prev(running.end());
        const uint64_t group = it->first;
        const uint32_t how = random.below(20);
        if (how == 0 || how == 1) {
          REQUIRE(ledger.end(group, how == 0 ? Ledger::Fate::kDropped : Ledger::Fate::kFiltered));
          ++fate[prompt_of[group]];
        } else {
          REQUIRE(ledger.commit(group));
          REQUIRE_FALSE(ledger.commit(group));
          ready[group] = it->second;
        }
        running.erase(it);
      }
      if (random.below(4) != 0) continue;
      const bool enough = ready.size() >= limits.groups_per_step;
      if (std::exchange(computing, false)) {
        ++version;
      } else if (const auto taken = ledger.take_step(version)) {
        for (const uint64_t group : *taken) {
          REQUIRE(ready.contains(group));
          REQUIRE(version - ready.at(group) <= max_age);  // L-3
          overtakes += !running.empty() && running.begin()->first < group;
          ready.erase(group);
          ++fate[prompt_of[group]];
          REQUIRE_FALSE(ledger.end(group, Ledger::Fate::kDropped));  // L-2
        }
        computing = true;
      } else {
        waits += enough;
      }
      if (!computing && random.below(50) == 0) {  // A crash: what was open is asked for again.
        const auto state = saved(ledger);
        ledger = Ledger::restore(limits, *state.read());
        running.clear();
        ready.clear();
        ++restores;
      }
    }
    REQUIRE(fate.size() == kPrompts);
    for (const auto& [prompt, times] : fate) REQUIRE(times == 1);
    CHECK(ledger.consumed() + ledger.filtered() + ledger.dropped() == kPrompts);
    CHECK(restores > 0);
    CHECK((max_age == 0 || overtakes > 0));
    CHECK((max_age == 0 || waits > 0));
  }
}

TEST_CASE("ledger: synchronous training admits one step's groups and waits for all", "[actors]") {
  Ledger ledger({.groups_per_step = 2, .max_age = 0});
  CHECK(ledger.admit(0)->group == 0);
  CHECK(ledger.admit(0)->group == 1);
  CHECK_FALSE(ledger.admit(0));
  REQUIRE(ledger.commit(1));
  CHECK_FALSE(ledger.take_step(0));
  CHECK(ledger.waited_for() == 0u);
  REQUIRE(ledger.commit(0));
  CHECK(*ledger.take_step(0) == std::vector<uint64_t>{0, 1});
  CHECK(ledger.admit(1)->group == 2);
}

TEST_CASE("ledger: a dropped group is replaced by the next prompt", "[actors]") {
  Ledger ledger({.groups_per_step = 2, .max_age = 0});
  ledger.admit(0);
  ledger.admit(0);
  REQUIRE(ledger.end(0, Ledger::Fate::kDropped));
  CHECK(ledger.admit(0)->prompt_index == 2);
  CHECK(ledger.dropped() == 1);
}

TEST_CASE(
    "DEADLINE: what replaces a dropped group while a step is computed can be consumed in time",
    "[actors]") {
  Ledger ledger({.groups_per_step = 1, .max_age = 1});
  ledger.admit(0);
  ledger.admit(0);
  REQUIRE(ledger.commit(0));
  REQUIRE(ledger.take_step(0));
  REQUIRE(ledger.end(1, Ledger::Fate::kDropped));
  CHECK(ledger.admit(0)->group == 2);
  CHECK_FALSE(ledger.admit(0));  // Step 1 is the last that may consume what is admitted now.
  CHECK(ledger.admit(1)->group == 3);
  REQUIRE(ledger.commit(2));
  REQUIRE(ledger.commit(3));
  CHECK(*ledger.take_step(1) == std::vector<uint64_t>{2});
  CHECK(*ledger.take_step(2) == std::vector<uint64_t>{3});
}

TEST_CASE("ledger: the learner overtakes a slow group only while all can be consumed in time",
          "[actors]") {
  Ledger ledger({.groups_per_step = 1, .max_age = 1});
  ledger.admit(0);
  ledger.admit(0);
  REQUIRE(ledger.commit(1));
  CHECK(*ledger.take_step(0) == std::vector<uint64_t>{1});  // Group 0 still fits into step 1.
  CHECK(ledger.admit(1)->group == 2);
  REQUIRE(ledger.commit(2));
  CHECK_FALSE(ledger.take_step(1));  // Taking group 2 would make group 0 too old.
  REQUIRE(ledger.commit(0));
  CHECK(*ledger.take_step(1) == std::vector<uint64_t>{0});
}

TEST_CASE("ledger: a restored ledger admits first what was open, under the old numbers",
          "[actors]") {
  const Ledger::Limits limits{.groups_per_step = 1, .max_age = 2};
  Ledger ledger(limits);
  for (int i = 0; i < 3; ++i) ledger.admit(0);
  ledger.commit(1);
  REQUIRE(ledger.take_step(0));
  const auto state = saved(ledger);
  Ledger again = Ledger::restore(limits, *state.read());
  CHECK(again.admit(1)->group == 0);
  CHECK(again.admit(1)->group == 2);
  CHECK(again.admit(1)->group == 3);
  CHECK(again.consumed() == 1);
}
