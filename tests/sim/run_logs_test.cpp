// Goal: the checkers find in a real run's files what is broken there, and nothing in good ones.
// Method: the files of a run of two steps, with one thing wrong at a time.

#include "sim/check/run_logs.hpp"

#include <catch2/catch_test_macros.hpp>

#include "runtime/base/error.hpp"
#include "runtime/env/memory_file_system.hpp"
#include "runtime/store/journal.hpp"

namespace thespis::sim {
namespace {

const std::vector<std::string> kGood{"admit 0 0 0", "admit 1 1 0", "commit 0",    "consume 0 0",
                                     "step 1 1",    "commit 1",    "consume 1 1", "step 2 2"};

void write(env::FileSystem& files, const std::string& path, const std::string& text) {
  files.create(path)->append(std::as_bytes(std::span(text)));
}

/// The promise that is broken; "none".
std::string broken(const std::vector<std::string>& events, uint64_t age, uint64_t mismatches) {
  env::MemoryFileSystem files;
  files.create_directories("run");
  write(files, "run/recipe.toml", "[train]\nsteps = 2\ngroups_per_step = 1\nmax_age = 1\n");
  store::Journal(files, "run/ledger.journal").append(events);
  std::string lines;
  for (const int step : {1, 2})
    lines += "{\"step\": " + std::to_string(step) + ", \"age_max\": " + std::to_string(age) +
             ", \"logprobs_compared\": 9, \"logprob_mismatches\": " + std::to_string(mismatches) +
             ", \"groups_open\": 1}\n";
  write(files, "run/metrics.jsonl", lines);
  const auto violation = check_logs(files, "run");
  return violation ? violation->promise : "none";
}

TEST_CASE("run logs: a good run keeps every promise") {
  CHECK(broken(kGood, 1, 0) == "none");
}

TEST_CASE("run logs: what is broken is named") {
  auto twice = kGood;
  twice[1] = "admit 1 0 0";
  CHECK(broken(twice, 1, 0) == "ONCE");
  auto late = kGood;
  late[6] = "consume 1 3";
  CHECK(broken(late, 1, 0) == "AGE");
  auto skipped = kGood;
  skipped[4] = "step 2 2";
  CHECK(broken(skipped, 1, 0) == "ONCE");
  auto open = kGood;
  open.push_back("admit 2 2 2");
  CHECK(broken(open, 1, 0) == "ONCE");
  CHECK(broken(kGood, 2, 0) == "AGE");
  CHECK(broken(kGood, 1, 3) == "SAME-MATH");
}

TEST_CASE("run logs: a resumed run may do again what it lost") {
  CHECK(broken({"admit 0 0 0", "consume 0 0", "step 1 1", "admit 1 1 1", "consume 1 1",
                "resume 1 1", "admit 1 1 1", "consume 1 1", "step 2 2"},
               1, 0) == "none");
}

TEST_CASE("run logs: a run without a recipe is refused by name") {
  env::MemoryFileSystem files;
  files.create_directories("run");
  CHECK_THROWS_AS(check_logs(files, "run"), InputError);
}

}  // namespace
}  // namespace thespis::sim
