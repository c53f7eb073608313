// Goal: answers that mean the same are equal, others are not, whatever their notation. Method: a
// table of pairs for each kind of answer, made by hand; both directions where the rule has none.

#include "tasks/math/verify.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <vector>

using namespace thespis::tasks::math;

namespace {

std::string judged(std::string_view gold, std::string_view prediction, VerifyOptions options = {}) {
  return std::string(name(verify(gold, prediction, options).judgement));
}

std::string formula(std::string_view text) {
  return "$" + std::string(text) + "$";
}

struct Pair {
  std::string_view gold, prediction;
};

/// Both directions, as formulas.
void check_all(const std::vector<Pair>& pairs, std::string_view expected) {
  for (const auto& [gold, prediction] : pairs) {
    CAPTURE(gold, prediction);
    CHECK(judged(formula(gold), formula(prediction)) == expected);
    CHECK(judged(formula(prediction), formula(gold)) == expected);
  }
}

}  // namespace

TEST_CASE("math: numbers are compared exactly, decimals rounded") {
  check_all({{"\\frac{1}{2}", "0.5"},
             {"\\frac12", "2/4"},
             {"1\\frac{1}{2}", "\\dfrac{3}{2}"},
             {"1 1/2", "1.5"},
             {"-\\frac{3}{4}", "\\frac{-3}{4}"},
             {"\\frac13", "0.333333"},
             {"0.\\overline{3}", "\\frac13"},
             {"0.1\\overline{6}", "\\frac16"},
             {"1,234,567", "1234567"},
             {"14{,}916", "14916"},
             {"10,\\!080", "10080"},
             {"1.5\\times10^3", "1500"},
             {"10^{-3}", "0.001"},
             {"28\\%", "0.28"},
             {"28\\%", "28"},
             {"5!", "120"},
             {"\\binom{5}{2}", "10"},
             {"90^\\circ", "90"},
             {"10\\text{ m}", "10"},
             {"\\$32{,}348", "32348"},
             {"3:4", "\\frac34"},
             {"2^{100}", "1267650600228229401496703205376"},
             {".5", "\\frac12"}},
            "equal");
  check_all({{"\\frac13", "0.33"},
             {"\\frac13", "0.333334"},
             {"123456789123456789", "123456789123456790"},
             {"1", "-1"},
             {"12:00", "1:00"},
             {"52_8", "52_9"},
             {"10", "100"},
             {"\\frac{1}{2}", "\\frac{1}{3}"}},
            "different");
}

TEST_CASE("math: radicals, logarithms and circular functions are computed exactly") {
  check_all({{"\\sqrt{8}", "2\\sqrt2"},
             {"\\frac{1}{\\sqrt2}", "\\frac{\\sqrt{2}}{2}"},
             {"\\frac{1}{1+\\sqrt2}", "\\sqrt2-1"},
             {"\\sqrt{3+2\\sqrt2}", "1+\\sqrt2"},
             {"\\sqrt{5-2\\sqrt6}", "\\sqrt3-\\sqrt2"},
             {"\\sqrt[3]{54}", "3\\sqrt[3]{2}"},
             {"\\sqrt[3]{-8}", "-2"},
             {"\\sqrt{-4}", "2i"},
             {"(1+i)^2", "2i"},
             {"\\frac{1}{i}", "-i"},
             {"e^{i\\pi}", "-1"},
             {"\\log_2 8", "3"},
             {"\\ln 6", "\\ln2+\\ln3"},
             {"\\ln e^2", "2"},
             {"\\log_4 8", "\\frac32"},
             {"e^{\\ln 5}", "5"},
             {"\\sin\\frac{\\pi}{3}", "\\frac{\\sqrt3}{2}"},
             {"\\cos 75^\\circ", "\\frac{\\sqrt6-\\sqrt2}{4}"},
             {"\\tan 45^\\circ", "1"},
             {"\\arctan 1", "\\frac{\\pi}{4}"},
             {"\\sin^{-1}\\frac12", "30^\\circ\\cdot\\frac{\\pi}{180}"},
             {"|3-5|", "2"},
             {"|3+4i|", "5"},
             {"\\lfloor 3.7\\rfloor", "3"},
             {"2^{1/2}\\cdot 2^{1/2}", "2"}},
            "equal");
  check_all({{"\\sqrt2", "\\sqrt3"},
             {"\\pi", "3.14"},
             {"\\pi", "\\frac{22}{7}"},
             {"\\sqrt2+\\sqrt3", "\\sqrt{10}"},
             {"1-\\frac1e", "1+\\frac1e"},
             {"e^{\\pi}", "\\pi^e"},
             {"\\sqrt[3]{2}", "1.26"}},
            "different");
}

TEST_CASE("math: expressions are equal as functions of their symbols") {
  check_all({{"(x+1)^2", "x^2+2x+1"},
             {"\\frac{x^2-1}{x-1}", "x+1"},
             {"\\frac{1}{x}+\\frac{1}{y}", "\\frac{x+y}{xy}"},
             {"a(b+c)", "ab+ca"},
             {"\\sin^2 x+\\cos^2 x", "1"},
             {"\\sin 2x", "2\\sin x\\cos x"},
             {"2\\sin b\\cos a", "\\sin(a+b)-\\sin(a-b)"},
             {"\\tan x", "\\frac{\\sin x}{\\cos x}"},
             {"2^{x+1}", "2\\cdot2^x"},
             {"4^x", "2^{2x}"},
             {"\\sqrt{x}\\sqrt{x}", "x"},
             {"\\sqrt{x^2}", "|x|"},
             {"|x-1|", "|1-x|"},
             {"\\sqrt{4x+4}", "2\\sqrt{x+1}"},
             {"f(x+1)", "f(1+x)"},
             {"x_{1}+x_2", "x_2+x_1"},
             {"5x-7y+11z+4=0", "-5x+7y-11z-4=0"},
             {"y=2x+1", "2x-y+1=0"},
             {"xy=1", "y=\\frac1x"},
             {"x<3", "3>x"},
             {"x<1", "-x>-1"},
             {"x\\le5", "5\\geq x"},
             {"x\\ne3", "x\\neq 3"}},
            "equal");
  check_all({{"x^2", "x^3"},
             {"x+y", "x-y"},
             {"\\sin x", "\\cos x"},
             {"x<3", "x\\le3"},
             {"x<3", "x>3"},
             {"x=5", "y=5"},
             {"f(x)", "f(y)"}},
            "different");
}

TEST_CASE("math: sets, lists, tuples, intervals and matrices") {
  check_all(
      {{"1,2", "2,1"},
       {"\\{1,2,3\\}", "3,2,1"},
       {"1 \\text{ and } 2", "\\{2,1\\}"},
       {"\\pm2", "2,-2"},
       {"1\\pm\\sqrt{19}", "1-\\sqrt{19},1+\\sqrt{19}"},
       {"(1,2,3)", "(1,\\frac42,3)"},
       {"\\left(3,\\frac{\\pi}{2}\\right)", "(3,\\pi/2)"},
       {"[0,1)", "[0,\\frac22)"},
       {"(-\\infty,1)\\cup(3,\\infty)", "(3,\\infty)\\cup(-\\infty,1)"},
       {"[1,2]\\cup[2,3]", "[1,3]"},
       {"\\mathbb{R}", "(-\\infty,\\infty)"},
       {"\\emptyset", "\\{\\}"},
       {"\\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}", "\\begin{bmatrix}1&2\\\\3&4\\end{bmatrix}"},
       {"\\begin{pmatrix}2\\\\4\\end{pmatrix}", "2\\begin{pmatrix}1\\\\2\\end{pmatrix}"},
       {"\\begin{vmatrix}1&2\\\\3&4\\end{vmatrix}", "-2"},
       {"x=1,y=2", "y=2,x=1"}},
      "equal");
  check_all(
      {{"(1,2)", "(2,1)"},
       {"(1,2)", "[1,2]"},
       {"[1,2]", "[1,2)"},
       {"1,2", "1,3"},
       {"1,2", "1"},
       {"(1,2,3)", "(1,2)"},
       {"(1,2)\\cup(3,4)", "(1,2)"},
       {"\\infty", "-\\infty"},
       {"\\begin{pmatrix}1\\\\2\\end{pmatrix}", "\\begin{pmatrix}1&2\\end{pmatrix}"},
       {"\\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}", "\\begin{pmatrix}1&2\\\\3&5\\end{pmatrix}"}},
      "different");
}

TEST_CASE("math: the gold answer says what is asked for") {
  CHECK(judged("$x=5$", "$5$") == "equal");
  CHECK(judged("$5$", "$x=5$") == "equal");
  CHECK(judged("$5$", "$y=x=5$") == "equal");
  CHECK(judged("$2x+z=1$", "$1$") == "different");
  CHECK(judged("$(1,3)$", "$1,3$") == "equal");
  CHECK(judged("$(3,1)$", "$1,3$") == "different");
  CHECK(judged("$1,3$", "$(3,1)$") == "equal");
  CHECK(judged("$1<x<3$", "$(1,3)$") == "equal");
  CHECK(judged("$(1,3)$", "$1<x<3$") == "different");
  VerifyOptions sets;
  sets.compare.relations_as_sets = true;
  CHECK(judged("$(1,3)$", "$1<x<3$", sets) == "equal");
  CHECK(judged("$1\\le|z|\\le2$", "$z\\in[-2,-1]\\cup[1,2]$") == "equal");
  VerifyOptions coarse;
  coarse.compare.decimals = 2;
  CHECK(judged("$\\frac13$", "$0.33$", coarse) == "equal");
  CHECK(judged("$\\frac13$", "$0.34$", coarse) == "different");
}

TEST_CASE("math: text answers") {
  CHECK(judged("$\\text{?}$", "$x=\\text{ ? }$") == "equal");
  check_all({{"\\text{Evelyn}", "evelyn"},
             {"\\text{(C)}", "C"},
             {"\\text{odd}", "odd"},
             {"\\text{Yes}", "\\mathrm{yes}"}},
            "equal");
  check_all({{"\\text{odd}", "\\text{even}"}, {"\\text{(C)}", "\\text{(B)}"}, {"\\text{Yes}", "1"}},
            "different");
}

TEST_CASE("math: where the answer of a text stands") {
  CHECK(judged("18", "16 - 7 = 9, and 9 * 2 = $18\n#### 18") == "equal");
  CHECK(judged("18", "9 * 2 = 18\n#### 17") == "different");
  CHECK(judged("4", "First \\boxed{3}. No! Wait! It must be something else: \\boxed{4}") ==
        "equal");
  CHECK(judged("4", "\\boxed{4}, after which come many other words that say 5") == "equal");
  CHECK(judged("\\frac12", "<think>7</think><answer>1/2</answer>") == "equal");
  CHECK(judged("2", "<think>\\boxed{1}</think> So it is \\boxed{2}.") == "equal");
  CHECK(judged("2", "The answer is 2.") == "equal");
  CHECK(judged("2", "The final answer is $\\frac42$. I hope it is correct.") == "equal");
  CHECK(judged("\\frac12", "The final answer is \\frac{2}{4}. I hope it is correct. $7$") ==
        "equal");
  CHECK(judged("1,-2", "so $x = \\boxed{1}$ or $x = \\boxed{-2}$") == "equal");
  CHECK(judged("1000.99", "it costs 1,000.99\xE2\x82\xAC") == "equal");
  CHECK(judged("15\\mbox{ cm}^2", "an area of \\boxed{15 cm^2}") == "equal");
  CHECK(judged("4", "") == "different");
  CHECK(judged("4", "I do not know.") == "different");
  CHECK(judged("4", "\\boxed{}") == "different");
  CHECK(judged("\\frac{1}{2}", "\\boxed{\\frac{1}{2}") == "equal");
}

TEST_CASE("math: what cannot be judged is said to be unjudged") {
  CHECK(judged("", "4") == "unjudged");
  CHECK(judged("$\\frac{1}{0}$", "4") == "unjudged");
  CHECK(judged("the smallest such number", "4") == "unjudged");
  CHECK(judged("4", "$\\frac{1}{0}$") == "different");
  CHECK(judged("4", "$\\unknowncommand{4}$") == "different");
}

TEST_CASE("math: equal answers have one text for votes") {
  CHECK(vote_text("\\boxed{\\frac{2}{4}}") == "1/2");
  CHECK(vote_text("The answer is 0.5") == "1/2");
  CHECK(vote_text("$x=\\frac12$") == "1/2");
  CHECK(vote_text("$(x+1)^2$") == vote_text("$1+2x+x^2$"));
  CHECK(vote_text("$2,1$") == vote_text("$\\{1,2\\}$"));
  CHECK(vote_text("no answer").empty());
}
