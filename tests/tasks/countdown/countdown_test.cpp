// Goal: every generated instance can be solved (CD-1), depends on its index alone (CD-2), and no
// test instance is ever trained on (CD-3). Method: thousands of instances of several shapes, each
// witness judged by the verifier; the sets of both splits compared.

#include "tasks/countdown/countdown.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <algorithm>
#include <set>

#include "runtime/base/error.hpp"
#include "tasks/countdown/countdown_verifier.hpp"
#include "tests/support/seeds.hpp"

using namespace thespis;
using namespace thespis::tasks;
using config::CountdownSection;

namespace {

using Canonical = std::pair<std::vector<int64_t>, int64_t>;

Canonical canonical(const Countdown& instance) {
  auto sorted = instance.numbers;
  std::sort(sorted.begin(), sorted.end());
  return {sorted, instance.target};
}

const CountdownSection kShapes[] = {
    {3, 1, 20, 1, 99, "+-*/"},  {3, 1, 12, 1, 100, "+-*"},     {2, 1, 9, 1, 20, "+"},
    {4, 1, 99, 10, 999, "*/-"}, {6, 1, 50, 100, 1000, "+-*/"}, {2, 7, 7, 1, 100, "+*"},
};

}  // namespace

TEST_CASE("countdown: steps are the positive whole results, in a fixed order") {
  const std::vector<Step> six_three{
      {6, '+', 3, 9}, {6, '-', 3, 3}, {6, '*', 3, 18}, {6, '/', 3, 2}};
  CHECK(steps_of(6, 3, "+-*/", 99) == six_three);
  CHECK(steps_of(6, 3, "/*-+", 99) == six_three);
  const std::vector<Step> three_six{
      {3, '+', 6, 9}, {6, '-', 3, 3}, {3, '*', 6, 18}, {6, '/', 3, 2}};
  CHECK(steps_of(3, 6, "+-*/", 99) == three_six);
  CHECK(steps_of(6, 3, "+*", 17) == std::vector<Step>{{6, '+', 3, 9}});
  CHECK(steps_of(5, 5, "-/", 99) == std::vector<Step>{{5, '/', 5, 1}});
  CHECK(steps_of(7, 2, "/", 99).empty());
}

TEST_CASE("countdown: every instance has its numbers and target in range, and a witness") {
  const uint64_t seed = test::seed();
  CAPTURE(seed);
  for (const CountdownSection& shape : kShapes) {
    const CountdownGenerator generator(shape, seed, Split::kTrain);
    for (uint64_t i = 0; i < 500; ++i) {
      const Countdown instance = generator.at(i);
      CAPTURE(i, shape.numbers, shape.operators, instance.witness, instance.target);
      REQUIRE(instance.numbers.size() == shape.numbers);
      for (const int64_t number : instance.numbers)
        REQUIRE((number >= shape.number_min && number <= shape.number_max));
      REQUIRE((instance.target >= shape.target_min && instance.target <= shape.target_max));
      REQUIRE(check_countdown(instance, instance.witness).outcome == Outcome::kCorrect);
      for (const char op : std::string_view("+-*/"))
        if (shape.operators.find(op) == std::string::npos)
          REQUIRE(instance.witness.find(op) == std::string::npos);
      REQUIRE(generator.at(i) == instance);
    }
  }
}

TEST_CASE("countdown: every operator and every pair is used") {
  const CountdownGenerator generator(kShapes[0], test::seed(), Split::kTrain);
  std::set<char> operators;
  std::set<std::pair<bool, bool>> brackets;  // Whether the witness begins or ends with one.
  for (uint64_t i = 0; i < 500; ++i) {
    const std::string witness = generator.at(i).witness;
    brackets.insert({witness.front() == '(', witness.back() == ')'});
    for (const char c : witness)
      if (std::string_view("+-*/").find(c) != std::string_view::npos) operators.insert(c);
  }
  CHECK(operators.size() == 4);
  CHECK(brackets == std::set<std::pair<bool, bool>>{{true, false}, {false, true}});
}

TEST_CASE("countdown: test and training share no instance, whatever seeds they have") {
  std::set<Canonical> training, test;
  for (uint64_t seed = 1; seed <= 4; ++seed)
    for (uint64_t i = 0; i < 3000; ++i) {
      training.insert(canonical(CountdownGenerator(kShapes[0], seed, Split::kTrain).at(i)));
      if (i < 600) test.insert(canonical(CountdownGenerator(kShapes[0], seed, Split::kTest).at(i)));
    }
  std::vector<Canonical> shared;
  std::set_intersection(training.begin(), training.end(), test.begin(), test.end(),
                        std::back_inserter(shared));
  CHECK(shared.empty());
  CHECK(training.size() > 6000);
  CHECK(test.size() > 1000);
}

TEST_CASE("countdown: the split does not look at the order of the numbers") {
  const Countdown instance{{3, 7, 12}, 57, ""};
  for (auto order = instance.numbers; std::next_permutation(order.begin(), order.end());)
    CHECK(split_of({order, 57, "x"}) == split_of(instance));
}

TEST_CASE("countdown: about one instance in ten is for tests") {
  uint32_t tests = 0;
  for (int64_t a = 1; a <= 20; ++a)
    for (int64_t b = a; b <= 20; ++b)
      for (int64_t target = 1; target <= 50; ++target)
        tests += split_of({{a, b, 20}, target, ""}) == Split::kTest;
  CHECK(tests > 10'500 / 12);  // Of 10,500; three standard deviations are 92.
  CHECK(tests < 10'500 / 8);
}

TEST_CASE("countdown: seeds, splits and indices give different instances") {
  const CountdownSection& shape = kShapes[4];
  const Countdown first = CountdownGenerator(shape, 1, Split::kTrain).at(0);
  CHECK_FALSE(CountdownGenerator(shape, 1, Split::kTrain).at(1) == first);
  CHECK_FALSE(CountdownGenerator(shape, 2, Split::kTrain).at(0) == first);
  CHECK_FALSE(CountdownGenerator(shape, 1, Split::kTest).at(0) == first);
}

TEST_CASE("countdown: ranges without an instance are refused") {
  const CountdownSection impossible{3, 50, 60, 1, 40, "+*"};
  CHECK_THROWS_WITH(CountdownGenerator(impossible, 1, Split::kTrain).at(0),
                    "data.countdown: no training instance among 10000 draws of 3 numbers from 50 "
                    "to 60; choose wider ranges of numbers or of targets (1 to 40 now), or more "
                    "operators than \"+*\"");
  CHECK_THROWS_AS(CountdownGenerator(impossible, 1, Split::kTest).at(0), InputError);
}
