// The checkers can fail: each bug of a list, woken in production code, is found by some seed.

#include <catch2/catch_test_macros.hpp>

#include "runtime/env/mutant.hpp"
#include "sim/simulation.hpp"

namespace thespis::sim {
namespace {

struct Mutant {
  const char* name;
  const char* promise;  ///< That its first violation must name; docs/simulation.md has the table.
  const char* scenario = "mixed-faults";
};

constexpr Mutant kMutants[] = {
    {"ledger_reuses_prompts", "ONCE"},
    {"ledger_forgets_open", "ONCE"},
    {"ledger_admits_too_much", "DEADLINE"},
    {"ledger_ignores_age", "AGE"},
    {"resume_begins_new_ledger", "ONCE"},
    {"pool_blames_nobody", "VERDICT"},
    {"pool_never_gives_up", "DEADLINE"},
    {"pool_leaks_credit", "DEADLINE"},
    {"pool_has_no_deadline", "DEADLINE"},
    {"episode_scores_failures", "VERDICT"},
    {"episode_counts_one_twice", "ONCE"},
    {"conductor_skips_journal", "ONCE"},
    {"conductor_saves_no_ledger", "ONCE"},
    {"journal_skips_sync", "ONCE"},
    {"checkpoint_is_not_verified", "ONCE"},
    {"weights_are_not_verified", "WEIGHTS"},
    {"receiver_names_wrong_version", "WEIGHTS"},
    {"sampler_names_last_version", "AGE"},
    {"learner_tells_once", "DEADLINE"},
    {"learner_keeps_weights", "DEADLINE"},
    {"learner_counts_twice", "ONCE"},
    {"link_outlives_its_run", "DEADLINE"},
    {"run_directory_is_not_synced", "ONCE"},
    {"age_mask_dropped", "AGE", "stale-weights"},
    {"ledger_admits_one_more", "DEADLINE"},
    {"ledger_counts_step_under_way", "DEADLINE"},
    {"pool_forgets_lost_jobs", "DEADLINE"},
    {"pool_ignores_its_limit", "BOUNDED", "full-queues"},
    {"pool_ignores_credit", "BOUNDED"},
    {"conductor_keeps_dropped", "DEADLINE"},
    {"evaluator_fails_for_one", "DEADLINE", "poison"},
};

TEST_CASE("mutants: every seeded bug is found, by the promise that it breaks") {
  if (!env::kHasMutants) SKIP("this build has no mutants: configure with -DTHESPIS_MUTANTS=ON");
  constexpr uint64_t kSeedsMax = 1000;
  for (const Mutant& mutant : kMutants) {
    const Scenario scenario = load_scenario(std::string(THESPIS_SOURCE_DIR) + "/sim/scenarios/" +
                                            mutant.scenario + ".toml");
    env::mutant = mutant.name;
    std::string found = "not found";
    uint64_t seed = 0;
    while (found == "not found" && ++seed <= kSeedsMax)
      if (const auto outcome = simulate(scenario, seed); outcome.violation)
        found = outcome.violation->promise;
    env::mutant = {};
    INFO(mutant.name << ", seed " << seed);
    CHECK(found == mutant.promise);
    CHECK_FALSE(simulate(scenario, seed).violation);  // It is the mutant that was found.
  }
}

}  // namespace
}  // namespace thespis::sim
