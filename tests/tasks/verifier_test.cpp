// Goal: a right answer in the right form earns everything, and nothing else earns accuracy. Method:
// hand-made completions; every witness accepted and every mutation of it refused; hostile texts;
// the published cases of other projects' format rewards, as far as their rule can be compared.

#include "tasks/verifier.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <filesystem>
#include <fstream>

#include <nlohmann/json.hpp>

#include "runtime/base/error.hpp"
#include "tasks/countdown/countdown_row.hpp"
#include "tasks/format_verifier.hpp"
#include "tests/support/seeds.hpp"

using namespace thespis;
using namespace thespis::tasks;

namespace {

constexpr std::string_view kRow = R"({"numbers":[3,7,12],"target":48})";

Verdict judged(std::string_view completion) {
  return judge("countdown", kRow, completion, {1.0, 0.25});
}

std::string in_form(std::string_view answer) {
  return "<think>tries</think> <answer>" + std::string(answer) + "</answer>";
}

}  // namespace

TEST_CASE("verifier: what an answer earns") {
  struct Case {
    std::string completion;
    Outcome outcome;
    double score;
    std::string answer;
  };
  const Case cases[] = {
      {in_form("(7-3)*12"), Outcome::kCorrect, 1.25, "48"},
      {in_form(" 12 * (7 - 3)\n"), Outcome::kCorrect, 1.25, "48"},
      {in_form("12*7-3"), Outcome::kWrongValue, 0.25, "81"},
      {in_form("7/3*12"), Outcome::kWrongValue, 0.25, "28"},
      {in_form("3/7/12"), Outcome::kWrongValue, 0.25, "1/28"},
      {in_form("4*12"), Outcome::kWrongNumbers, 0.25, ""},
      {in_form("(7-3)*12+3-3"), Outcome::kWrongNumbers, 0.25, ""},
      {in_form("48"), Outcome::kWrongNumbers, 0.25, ""},
      {in_form("7/(3-3)"), Outcome::kNotAnExpression, 0.25, ""},
      {in_form("(7-3)*12 = 48"), Outcome::kNotAnExpression, 0.25, ""},
      {in_form(""), Outcome::kNotAnExpression, 0.25, ""},
      // The form is wrong, the answer is right.
      {"x</think> <answer>(7-3)*12</answer>", Outcome::kCorrect, 1, "48"},
      {in_form("(7-3)*12") + " done", Outcome::kCorrect, 1, "48"},
      {"<think>a</think> so <answer>(7-3)*12</answer>", Outcome::kCorrect, 1, "48"},
      // No answer that can be taken.
      {"", Outcome::kNoAnswer, 0, ""},
      {"(7-3)*12", Outcome::kNoAnswer, 0, ""},
      {"<answer>(7-3)*12</answer>", Outcome::kNoAnswer, 0, ""},
      {"<think>a <answer>(7-3)*12</answer>", Outcome::kNoAnswer, 0, ""},
      {"<think><answer>(7-3)*12</answer></think>", Outcome::kNoAnswer, 0, ""},
      {"<think>a</think> <answer>(7-3)*12", Outcome::kNoAnswer, 0, ""},
      {"<think>a</think> </answer>(7-3)*12<answer>", Outcome::kNoAnswer, 0, ""},
      {in_form("1") + " <answer>(7-3)*12</answer>", Outcome::kNoAnswer, 0, ""},
      {in_form("(7-3)*12") + in_form("(7-3)*12"), Outcome::kNoAnswer, 0, ""},
      {"<think>a</think></think> <answer>(7-3)*12</answer>", Outcome::kNoAnswer, 0, ""},
      {"<think>a</think> <Answer>(7-3)*12</Answer>", Outcome::kNoAnswer, 0, ""},
  };
  for (const Case& c : cases) {
    CAPTURE(c.completion);
    const Verdict verdict = judged(c.completion);
    CHECK(name(verdict.outcome) == name(c.outcome));
    CHECK(verdict.score == c.score);
    CHECK(verdict.answer == c.answer);
    CHECK(verdict.detail.empty() == (c.outcome == Outcome::kCorrect));
    REQUIRE(verdict.components.size() == 2);
    CHECK(verdict.components[0].first == "accuracy");
    CHECK(verdict.components[1].first == "format");
    CHECK(verdict.components[0].second + 0.25 * verdict.components[1].second == verdict.score);
  }
}

TEST_CASE("verifier: the reasons are for people") {
  CHECK(judged(in_form("12*7-3")).detail == "comes to 81, not 48");
  CHECK(judged(in_form("4*12")).detail == "uses 4 12, not 3 7 12");
  CHECK(judged(in_form("1/0")).detail == "the answer is a division by zero");
  CHECK(judged("").detail == "not exactly one <answer>...</answer> after one </think>");
}

TEST_CASE("verifier: every witness is accepted, every change of it refused") {
  const uint64_t seed = test::seed();
  CAPTURE(seed);
  const CountdownGenerator generator({3, 1, 20, 1, 99, "+-*/"}, seed, Split::kTrain);
  uint32_t wrong_value = 0, wrong_numbers = 0, not_expression = 0;
  for (uint64_t i = 0; i < 300; ++i) {
    const Countdown instance = generator.at(i);
    const std::string row = to_row(instance), witness = instance.witness;
    CAPTURE(row, witness);
    const auto outcome_of = [&](const std::string& answer) {
      return judge("countdown", row, in_form(answer), {}).outcome;
    };
    REQUIRE(outcome_of(witness) == Outcome::kCorrect);
    REQUIRE(outcome_of("(" + witness + ")+0") == Outcome::kWrongNumbers);
    REQUIRE(outcome_of("-" + witness) == Outcome::kNotAnExpression);
    REQUIRE(outcome_of(witness + "=" + std::to_string(instance.target)) ==
            Outcome::kNotAnExpression);
    Countdown other = instance;
    ++other.target;
    REQUIRE(judge("countdown", to_row(other), in_form(witness), {}).outcome ==
            Outcome::kWrongValue);
    for (size_t at = 0; at < witness.size(); ++at) {  // Each symbol gone, and each digit changed.
      std::string shorter = witness, changed = witness;
      shorter.erase(at, 1);
      REQUIRE(outcome_of(shorter) != Outcome::kCorrect);
      if (changed[at] < '0' || changed[at] > '9') continue;
      changed[at] = changed[at] == '9' ? '1' : static_cast<char>(changed[at] + 1);
      const Outcome outcome = outcome_of(changed);
      wrong_numbers += outcome == Outcome::kWrongNumbers;
      REQUIRE(outcome != Outcome::kCorrect);
    }
    wrong_value += outcome_of(witness + "*1") == Outcome::kWrongValue;
    not_expression += outcome_of(witness + ")") == Outcome::kNotAnExpression;
  }
  CHECK(wrong_value == 0);  // A further number is wrong numbers, whatever the value.
  CHECK(not_expression == 300);
  CHECK(wrong_numbers > 300);
}

TEST_CASE("verifier: hostile completions get a verdict") {
  const std::string deep(100'000, '('), long_number(100'000, '9');
  CHECK(judged(in_form(deep)).outcome == Outcome::kNotAnExpression);
  CHECK(judged(in_form(long_number)).outcome == Outcome::kNotAnExpression);
  CHECK(judged(in_form("\xFF\xFE\xC3")).outcome == Outcome::kNotAnExpression);
  CHECK(judged(in_form("\xEF\xBC\x97+\xE2\x88\x92")).outcome == Outcome::kNotAnExpression);
  CHECK(judged(in_form(std::string("(7-3)*12\0", 9))).outcome == Outcome::kNotAnExpression);
  std::string tags;
  for (int i = 0; i < 20'000; ++i) tags += "<think></think><answer></answer>";
  CHECK(judged(tags).score == 0);
  CHECK(judged(std::string(1'000'000, '<')).score == 0);
}

TEST_CASE("verifier: a bad row or an unknown kind is an error, not a score") {
  CHECK_THROWS_WITH(
      judge("riddle", kRow, "", {}),
      "no verifier judges tasks of kind \"riddle\"; there are \"countdown\", \"math\"");
  for (const auto* row : {"", "[]", "{", "{}", R"({"numbers":[1]})", R"({"target":1})",
                          R"({"numbers":"1","target":1})"}) {
    CAPTURE(row);
    CHECK_THROWS_AS(judge("countdown", row, in_form("1"), {}), InputError);
  }
}

TEST_CASE("format: the whole text, each tag once, blanks only between") {
  CHECK(has_r1_zero_format("<think>a</think> <answer>b</answer>"));
  CHECK(has_r1_zero_format("<think></think><answer></answer>"));
  CHECK(has_r1_zero_format("\n <think>\na\n</think>\r\n\t<answer>\nb\n</answer>\n"));
  CHECK(has_r1_zero_format("<think>1 < 2 <b> </b></think> <answer>x</answer>"));
  CHECK_FALSE(has_r1_zero_format(""));
  CHECK_FALSE(has_r1_zero_format("<think>a</think>"));
  CHECK_FALSE(has_r1_zero_format("<answer>b</answer>"));
  CHECK_FALSE(has_r1_zero_format("So: <think>a</think> <answer>b</answer>"));
  CHECK_FALSE(has_r1_zero_format("<think>a</think> then <answer>b</answer>"));
  CHECK_FALSE(has_r1_zero_format("<think>a</think> <answer>b</answer>."));
  CHECK_FALSE(has_r1_zero_format("<think>a<think></think> <answer>b</answer>"));
  CHECK_FALSE(has_r1_zero_format("<think>a</think> <answer>b</answer></answer>"));
  CHECK_FALSE(has_r1_zero_format("<answer>b</answer> <think>a</think>"));
  CHECK_FALSE(has_r1_zero_format("<think>a <answer>b</answer></think>"));
  CHECK_FALSE(has_r1_zero_format("<think>a</think> <answer>b</answer> <think>a</think>"));
}

TEST_CASE("format: agrees with open-r1's format_reward on its published cases") {
  const std::filesystem::path file = std::filesystem::path(THESPIS_SOURCE_DIR) /
                                     "../shared/data/format_reward/format_reward.shared.jsonl";
  if (!std::filesystem::exists(file)) SKIP("no " << file);
  // open-r1 also wants line ends inside the tags, which we do not; its cases do not turn on that.
  // trl's think_format_reward asks for no answer tags: what it refuses, we must refuse as well.
  std::ifstream lines(file);
  uint32_t same_rule = 0, weaker_rule = 0;
  for (std::string line; std::getline(lines, line);) {
    const auto row = nlohmann::json::parse(line);
    const auto kind = row.at("kind").get<std::string>();
    const auto completion = row.at("completion").get<std::string>();
    const bool accepted = row.at("expected").get<double>() == 1.0;
    CAPTURE(kind, completion);
    if (kind == "openr1_format") {
      CHECK(has_r1_zero_format(completion) == accepted);
      ++same_rule;
    } else if (kind == "trl_think_format" && !accepted) {
      CHECK_FALSE(has_r1_zero_format(completion));
      ++weaker_rule;
    }
  }
  CHECK(same_rule > 0);
  CHECK(weaker_rule > 0);
}
