// Goal: equal and nearly equal expressions are judged as an independent computer algebra system
// judges them. Method: pairs that tests/golden/make_math_goldens.py made with SymPy.

#include <catch2/catch_test_macros.hpp>

#include <nlohmann/json.hpp>

#include "tasks/math/verify.hpp"
#include "tests/support/goldens.hpp"

using namespace thespis::tasks::math;

TEST_CASE("math: SymPy's equal and nearly equal expressions") {
  size_t equal = 0, different = 0;
  const auto goldens = thespis::test::goldens("math_goldens.json");
  for (const auto& pair : goldens.at("pairs")) {
    const std::string a = pair.at("a"), b = pair.at("b");
    CAPTURE(a, b);
    for (const auto& [gold, prediction] : {std::pair(a, b), std::pair(b, a)}) {
      const Verification result = verify("$" + gold + "$", "\\boxed{" + prediction + "}");
      CHECK(name(result.judgement) == (pair.at("equal") ? "equal" : "different"));
    }
    (pair.at("equal") ? equal : different) += 1;
  }
  CHECK(equal >= 150);
  CHECK(different >= 150);
}
