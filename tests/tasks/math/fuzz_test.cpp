// Goal: no text brings the verifier down, and its verdicts keep their laws. Method: mutations of
// real and made-up answers. Invariants:
//   every pair gets one of three outcomes; nothing else is thrown
//   a text is never different from itself
//   what parses is equal to itself (by value, not by text), or a limit says why not
//   for numbers and expressions the verdict is the same in both directions
//   equal numbers or expressions have votes that do not tell them apart by their order of symbols

#include <catch2/catch_test_macros.hpp>

#include <filesystem>
#include <fstream>

#include <nlohmann/json.hpp>

#include "tasks/math/limits.hpp"
#include "tasks/math/reading.hpp"
#include "tasks/math/verify.hpp"
#include "tests/support/mutations.hpp"

using namespace thespis;
using namespace thespis::tasks::math;

namespace {

std::vector<std::string> corpus() {
  std::vector<std::string> texts = {
      "\\boxed{\\frac{1}{2}}",
      "The final answer is $x^2+2x+1$. I hope it is correct.",
      "$\\sqrt{3+2\\sqrt2}$",
      "$(-\\infty, 3] \\cup [\\sqrt{5}, 7)$",
      "$\\begin{pmatrix} 1 & 2 \\\\ 3 & x \\end{pmatrix}$",
      "$\\left\\{ 1, -2, \\frac{3}{4} \\right\\}$",
      "$1 < |x| \\le \\frac{3}{2}$",
      "$y = 2\\sin(3x - \\frac{\\pi}{4}) + \\log_2 8$",
      "#### 1,234.50",
      "$12\\text{ cm}^2$",
      "$e^{i\\pi} + 1 = 0$",
      "$1 \\pm \\sqrt{19}$",
      "$\\binom{5}{2} \\cdot 5! \\bmod 7$",
      "<think> a </think> <answer> 28\\% </answer>",
      "the answer: $2,3$ and $(4, 5)$",
      "$|3 - 4i|^2 + \\lfloor 2.5 \\rfloor$",
  };
  const auto shared = std::filesystem::path(THESPIS_SOURCE_DIR) / ".." / "shared" / "data" /
                      "math_equiv" / "math_equiv.shared.jsonl";
  std::ifstream file(shared);
  for (std::string line; std::getline(file, line);) {
    const auto row = nlohmann::json::parse(line);
    for (const char* key : {"gold", "prediction"})
      if (row.at(key).is_string() && row[key].get_ref<const std::string&>().size() < 600)
        texts.push_back(row[key]);
  }
  return texts;
}

std::vector<std::string> pieces() {
  return {"\\frac{",
          "\\sqrt{",
          "}",
          "{",
          "^",
          "_",
          "\\boxed{",
          "$",
          "\\cup ",
          "[",
          ")",
          ",",
          "\\pm ",
          "!",
          "\\%",
          "\\pi",
          "\\sin ",
          "e^{",
          "i",
          "x",
          "0",
          "1/",
          "9999",
          "=",
          "<",
          "\\le ",
          "\\infty",
          "|",
          "&",
          "\\\\",
          "\\text{",
          "\\log_",
          "^{-1}",
          "^{1/2}",
          "\\{",
          "\\}",
          "answer",
          "-",
          "\\circ",
          "\\ln ",
          "^{1/3}",
          "/0",
          "\\arctan ",
          "+\\sqrt2",
          "(x+1)",
          "^{64}",
          "\\begin{pmatrix}"};
}

/// By its value, or a limit says why that is not known.
bool equal_to_itself(const Node& answer) {
  const Node copy = answer;
  Algebra algebra;
  try {
    return equal(answer, copy, {}, algebra);
  } catch (const LimitReached& limit) {
    return !std::string_view(limit.what()).empty();
  } catch (const NoValue& error) {
    return !std::string_view(error.what()).empty();
  }
}

bool is_scalar(const Reading& reading) {
  return reading.answer && !any_of(*reading.answer, [](const Node& node) {
           return node.kind == Kind::kRelation || node.kind == Kind::kList ||
                  node.kind == Kind::kTuple || node.kind == Kind::kSetSum ||
                  node.kind == Kind::kNamedSet || node.kind == Kind::kMatrix;
         });
}

}  // namespace

TEST_CASE("math fuzz: verdicts keep their laws") {
  const uint64_t seed = test::seed();
  CAPTURE(seed);
  test::Mutations mutations(61, corpus(), pieces());
  uint64_t parsed = 0, refused = 0, equal_pairs = 0, unjudged = 0;
  std::string previous = "$1$";
  mutations.run("math", 1500, [&](const std::string& text) {
    CAPTURE(text, previous);
    REQUIRE(verify(text, text).judgement != Judgement::kDifferent);
    const Verification there = verify(previous, text), back = verify(text, previous);
    const Reading reading = read_answer(text, {}), other = read_answer(previous, {});
    vote_text(text);
    equal_pairs += there.judgement == Judgement::kEqual;
    unjudged += there.judgement == Judgement::kUnjudged;
    parsed += reading.answer.has_value();
    refused += !reading.answer.has_value();
    if (is_scalar(reading) && is_scalar(other)) {
      // A division by zero is the gold's failure, or the prediction's: then the two differ.
      const bool judged =
          there.judgement != Judgement::kUnjudged && back.judgement != Judgement::kUnjudged;
      if (judged) REQUIRE(there.judgement == back.judgement);
    }
    if (reading.answer) {
      const bool same = equal_to_itself(*reading.answer);
      REQUIRE(same);
    }
    previous = text;
  });
  CHECK(parsed > 0);
  CHECK(refused > 0);
  CHECK(equal_pairs > 0);
  CHECK(unjudged > 0);
}
