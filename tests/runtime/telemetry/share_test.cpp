// Goal: shares and waits add up exactly, whatever begins and ends while what else goes on.
// Method: times written by hand; random activities against a count of milliseconds.

#include "runtime/telemetry/share.hpp"

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>

#include "runtime/env/random.hpp"
#include "tests/support/seeds.hpp"

using namespace thespis;
using namespace thespis::telemetry;
using std::chrono::milliseconds;

TEST_CASE("share: time in which anything went on, over all time") {
  Share share(milliseconds(100));
  CHECK(share.share(milliseconds(100)) == 0);
  share.begin(milliseconds(110));
  share.begin(milliseconds(120));  // Both count once.
  share.end(milliseconds(130));
  CHECK(share.busy(milliseconds(140)) == milliseconds(30));
  share.end(milliseconds(150));
  CHECK(share.busy(milliseconds(180)) == milliseconds(40));
  CHECK(share.share(milliseconds(180)) == Catch::Approx(0.5));
}

TEST_CASE("share: a new period begins with what is going on") {
  Share share(milliseconds(0));
  share.begin(milliseconds(0));
  share.restart(milliseconds(10));
  share.end(milliseconds(15));
  CHECK(share.share(milliseconds(20)) == Catch::Approx(0.5));
}

TEST_CASE("share: random activities agree with a count of milliseconds", "[fuzz]") {
  const uint64_t seed = test::seed();
  CAPTURE(seed);
  env::KeyedRandom random(seed, env::Purpose::kSimulation, 7);
  Share share(milliseconds(0));
  uint64_t active = 0, busy_ms = 0, period_ms = 0;
  for (int ms = 0; ms < 5000; ++ms) {
    const milliseconds now(ms);
    switch (random.below(8)) {
      case 0:
        share.begin(now), ++active;
        break;
      case 1:
      case 2:
        if (active > 0) share.end(now), --active;
        break;
      case 3:
        if (random.below(50) == 0) share.restart(now), busy_ms = period_ms = 0;
        break;
      default:
        break;
    }
    busy_ms += active > 0;
    ++period_ms;
    REQUIRE(share.busy(now + milliseconds(1)) == milliseconds(busy_ms));
    REQUIRE(share.share(now + milliseconds(1)) ==
            Catch::Approx(static_cast<double>(busy_ms) / static_cast<double>(period_ms)));
  }
}

TEST_CASE("waits: the one waited for longest is named, also while the wait goes on") {
  WaitTally tally;
  CHECK(tally.most(milliseconds(5)).empty());
  tally.wait_for("sampler", milliseconds(0));
  CHECK(tally.most(milliseconds(0)).empty());  // No time was spent.
  tally.wait_for("reward", milliseconds(10));
  tally.wait_for("reward", milliseconds(12));  // Goes on.
  CHECK(tally.most(milliseconds(19)) == "sampler");
  CHECK(tally.most(milliseconds(21)) == "reward");
  tally.done(milliseconds(30));
  tally.done(milliseconds(40));  // Nobody is waited for: nothing is added.
  CHECK(tally.waited("reward", milliseconds(99)) == milliseconds(20));
  CHECK(tally.waited("sampler", milliseconds(99)) == milliseconds(10));
  CHECK(tally.waited("nobody", milliseconds(99)) == milliseconds(0));
}

TEST_CASE("waits: a new period keeps the wait that goes on, and a tie goes to the first by name") {
  WaitTally tally;
  tally.wait_for("b", milliseconds(0));
  tally.restart(milliseconds(5));
  CHECK(tally.waited("b", milliseconds(7)) == milliseconds(2));
  tally.wait_for("a", milliseconds(8));
  CHECK(tally.most(milliseconds(11)) == "a");
  CHECK(tally.most(milliseconds(10)) == "b");
}
