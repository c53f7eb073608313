// Goal: whatever an answer says, a verdict or a typed refusal comes soon and in little memory, and
// no limit makes two answers equal. Method: an input at each limit of limits.hpp and beyond it.
// Time is not measured here: without the limits these inputs would run for hours, or not fit.

#include "tasks/math/limits.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>

#include "tasks/math/verify.hpp"
#include "tasks/verifier.hpp"

using namespace thespis;
using namespace thespis::tasks::math;

namespace {

std::string repeated(std::string_view text, size_t count) {
  std::string result;
  for (size_t i = 0; i < count; ++i) result += text;
  return result;
}

std::string boxed(const std::string& text) {
  return "\\boxed{" + text + "}";
}

Judgement judged(const std::string& gold, const std::string& prediction) {
  const Judgement result = verify(gold, prediction).judgement;
  CHECK(verify(prediction, gold).judgement != Judgement::kEqual);
  return result;
}

}  // namespace

TEST_CASE("math limits: groups inside one another") {
  const auto nested = [](size_t depth) {
    return boxed(repeated("{", depth) + "4" + repeated("}", depth));
  };
  CHECK(verify("4", nested(kDepthMax / 4)).judgement == Judgement::kEqual);
  CHECK(judged("4", nested(1'000'000)) == Judgement::kUnjudged);
  for (const size_t depth : {size_t{kDepthMax} * 2, size_t{50'000}}) {
    CHECK(judged("4", nested(depth)) == Judgement::kUnjudged);
    CHECK(judged("4", boxed(repeated("(", depth) + "4" + repeated(")", depth))) ==
          Judgement::kUnjudged);
    CHECK(judged("4", boxed(repeated("\\frac{", depth))) != Judgement::kEqual);
    CHECK(judged("4", boxed(repeated("\\sqrt", depth) + "4")) != Judgement::kEqual);
    CHECK(judged("4", repeated("\\boxed{", depth)) != Judgement::kEqual);
    CHECK(verify("4", "$" + repeated("-", depth) + "4$").judgement != Judgement::kDifferent);
    CHECK(judged("4", boxed("4" + repeated("^2", depth))) != Judgement::kEqual);
    CHECK(judged("4", boxed("4" + repeated("!", depth))) != Judgement::kEqual);
    CHECK(judged("4", boxed(repeated("|", depth))) != Judgement::kEqual);
    CHECK(judged("4", repeated("$", depth) + repeated("\\(", depth) + repeated("\\[", depth)) !=
          Judgement::kEqual);
  }
}

TEST_CASE("math limits: towers, factorials, long numbers") {
  for (const char* huge :
       {"2^{2^{2^{100}}}", "2^{2^{2^{2^{2^2}}}}", "10^{10^{10}}", "9^{9^{9^9}}", "(1+x)^{100000}",
        "(x+y+z+w)^{64}", "100000!", "5!!!!", "\\binom{1000000}{500000}", "(\\sqrt2+1)^{100000}",
        "2^{-2^{100}}", "\\sqrt[10^{30}]{2}", "e^{10^{40}}", "(a+b)^{32}(c+d)^{32}(e+f)^{32}",
        "\\frac{1}{(x+1)^{99}}+\\frac{1}{(y+1)^{99}}"}) {
    CAPTURE(huge);
    CHECK(judged("4", boxed(huge)) != Judgement::kEqual);
    CHECK(judged("4x+\\sqrt3", boxed(huge)) != Judgement::kEqual);
  }
  CHECK(judged("4", boxed("2^{2^{2^{100}}}")) == Judgement::kUnjudged);
  CHECK(judged("4", boxed("100000!")) == Judgement::kUnjudged);
  CHECK(verify("0", boxed("2^{20000}-2^{20000}")).judgement == Judgement::kEqual);
  CHECK(judged("4", boxed("2^{40000}")) == Judgement::kUnjudged);
  for (const size_t digits : {kDigitsMax + 1, size_t{1'000'000}}) {
    CHECK(judged("4", boxed(std::string(digits, '9'))) == Judgement::kUnjudged);
    CHECK(judged("4", "The answer is " + std::string(digits, '9')) == Judgement::kUnjudged);
    CHECK(judged("4", boxed("0." + std::string(digits, '3'))) == Judgement::kUnjudged);
  }
  CHECK(
      verify(std::string(kDigitsMax, '9'), boxed(std::string(kDigitsMax, '9') + ".0")).judgement ==
      Judgement::kUnjudged);
}

TEST_CASE("math limits: large matrices, lists, texts") {
  std::string row = "1" + repeated("&1", 40) + "\\\\";
  CHECK(judged("4", boxed("\\begin{pmatrix}" + repeated(row, 40) + "\\end{pmatrix}")) ==
        Judgement::kUnjudged);
  const std::string square =
      "\\begin{vmatrix}" + repeated("a&b&c&d&e&f&g\\\\", 7) + "\\end{vmatrix}";
  CHECK(judged("4", boxed(square)) == Judgement::kUnjudged);
  CHECK(judged("1,2", boxed("1" + repeated(",x", kListMax))) == Judgement::kUnjudged);
  CHECK(judged("4", boxed(repeated("x+", kAnswerBytesMax) + "1")) == Judgement::kUnjudged);
  CHECK(judged("4", std::string(kTextBytesMax + 1, ' ')) == Judgement::kUnjudged);
  CHECK(judged("4", repeated("answer final answer is ", 30'000)) == Judgement::kDifferent);
  CHECK(judged("4", repeated("\\boxed{7}, ", 30'000)) == Judgement::kDifferent);
  CHECK(judged("4", repeated("7 8 9.5 ", 20'000)) == Judgement::kDifferent);
  CHECK(judged("4", std::string("\0\xFF\xC3", 3)) == Judgement::kDifferent);
  // Names that double in each step.
  std::string nested = "x";
  for (int i = 0; i < 40; ++i) nested = "\\sin(" + nested + ")+f(" + nested.substr(0, 150) + ")";
  CHECK(judged("4", boxed(nested)) != Judgement::kEqual);
  std::string symbols;
  for (size_t i = 0; i <= kAtomsMax; ++i) symbols += "+x_{" + std::to_string(i) + "}";
  CHECK(judged("4", boxed(symbols)) == Judgement::kUnjudged);
}

TEST_CASE("math limits: a judge at its limit fails, a completion beyond reading is wrong") {
  const auto judge = [](const std::string& gold, const std::string& completion) {
    return tasks::judge("math", R"({"answer":")" + gold + "\"}", completion, {1, 0.25});
  };
  CHECK_THROWS_AS(judge("4", boxed("100000!")), Error);
  CHECK_THROWS_AS(judge("no such number", boxed("4")), Error);
  CHECK(judge("4", boxed(repeated("(", 1000))).score == 0);
  CHECK(judge("4", boxed(std::string(kDigitsMax + 1, '9'))).score == 0);
  CHECK(judge("4", "<think>4").score == 0);
  CHECK(judge("4", "<think>a</think> <answer>4</answer>").score == 1.25);
  CHECK(judge("4", "<think>a</think> \\boxed{\\frac{8}{2}}").score == 1);
  CHECK(judge("4", "<think>a</think> \\boxed{\\frac{8}{2}}").answer == "4");
}
