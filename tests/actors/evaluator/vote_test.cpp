// Goal: pass@1 and the majority vote, by hand-made tables.

#include "actors/evaluator/vote.hpp"

#include <catch2/catch_test_macros.hpp>
#include <vector>

using namespace thespis;

TEST_CASE("vote: pass@1 is the mean, the majority decides, no answer abstains", "[actors]") {
  const std::vector<JudgedSample> samples{{false, "7"}, {true, "12"}, {false, ""},
                                          {true, "12"}, {false, ""},  {false, ""}};
  CHECK(pass_at_1(samples) == 2.0 / 6);
  CHECK(majority_is_correct(samples));
}

TEST_CASE("vote: of equally frequent answers the first counts", "[actors]") {
  const std::vector<JudgedSample> wrong_first{{false, "7"}, {true, "12"}};
  const std::vector<JudgedSample> right_first{{true, "12"}, {false, "7"}};
  CHECK_FALSE(majority_is_correct(wrong_first));
  CHECK(majority_is_correct(right_first));
}

TEST_CASE("vote: without any answer it is wrong", "[actors]") {
  const std::vector<JudgedSample> none{{false, ""}, {false, ""}};
  CHECK_FALSE(majority_is_correct(none));
  CHECK_FALSE(majority_is_correct({}));
  CHECK(pass_at_1({}) == 0);
}
