// Goal: an expression that a model wrote is worth exactly what arithmetic says, or has the outcome
// that says why not; no text crashes or stalls the parser. Method: a table by hand, random
// expressions compared with plain fractions, and hostile texts.

#include "tasks/countdown/expression.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <limits>
#include <string>

#include "runtime/env/random.hpp"
#include "tests/support/seeds.hpp"

using namespace thespis;
using namespace thespis::tasks;

namespace {

std::string worth(std::string_view text) {
  const Evaluation e = evaluate(text);
  return e.outcome == ExpressionOutcome::kValue ? to_string(e.value)
                                                : std::string(describe(e.outcome));
}

/// A random expression of literals 0..9 with its value as a fraction, computed without reduction.
struct Made {
  std::string text;
  int64_t numerator = 0, denominator = 1;  ///< Not in lowest terms; 0 as denominator: undefined.
};

Made make(env::KeyedRandom& random, uint32_t depth) {
  if (depth == 0 || random.below(4) == 0) {
    const int64_t literal = random.below(10);
    return {std::to_string(literal), literal, 1};
  }
  const Made a = make(random, depth - 1), b = make(random, depth - 1);
  const char op = "+-*/"[random.below(4)];
  // A denominator of zero stays zero: what is undefined in a part is undefined as a whole.
  Made made{"(" + a.text + " " + op + b.text + ")", 0, a.denominator * b.denominator};
  if (op == '+') made.numerator = a.numerator * b.denominator + b.numerator * a.denominator;
  if (op == '-') made.numerator = a.numerator * b.denominator - b.numerator * a.denominator;
  if (op == '*') made.numerator = a.numerator * b.numerator;
  if (op == '/') {
    made.numerator = a.numerator * b.denominator;
    made.denominator = b.denominator == 0 ? 0 : a.denominator * b.numerator;
  }
  return made;
}

}  // namespace

TEST_CASE("expression: a table of values") {
  CHECK(worth("7") == "7");
  CHECK(worth("0") == "0");
  CHECK(worth("3+4*5") == "23");
  CHECK(worth("(3+4)*5") == "35");
  CHECK(worth("20-5-3") == "12");
  CHECK(worth("24/4/3") == "2");
  CHECK(worth("2/4") == "1/2");
  CHECK(worth("1/3+1/6") == "1/2");
  CHECK(worth("3-7/2") == "-1/2");
  CHECK(worth("1/(2-5)") == "-1/3");
  CHECK(worth("(1-1)*9223372036854775807") == "0");
  CHECK(worth(" ( 8 /\t(3 - 8/3) )\n") == "24");
  CHECK(worth("9223372036854775807-1") == "9223372036854775806");
  CHECK(worth("9223372036854775807/9223372036854775807*2") == "2");
  CHECK(worth("1/9223372036854775807-1/9223372036854775807") == "0");
}

TEST_CASE("expression: what is not one says why") {
  for (const auto* text : {"",
                           " ",
                           "()",
                           "1+",
                           "+1",
                           "-1",
                           "3--2",
                           "3*-2",
                           "2**3",
                           "7//2",
                           "1 2",
                           "12.5",
                           "(1",
                           "1)",
                           "1+(2",
                           ")1(",
                           "x",
                           "3x",
                           "0x10",
                           "07",
                           "00",
                           "1e3",
                           "3=3",
                           "1,2",
                           "3\xC3\x97"
                           "4",
                           "\xEF\xBC\x93+4",
                           "__import__('os')",
                           "1;2",
                           "9**9**9**9"}) {
    CAPTURE(text);
    CHECK(worth(text) == "a syntax error");
  }
  CHECK(worth(std::string_view("1\0+2", 4)) == "a syntax error");
  CHECK(worth(std::string_view("1\0", 2)) == "a syntax error");
  CHECK(worth("1/0") == "a division by zero");
  CHECK(worth("5/(3-3)") == "a division by zero");
  CHECK(worth("0/0") == "a division by zero");
  CHECK(worth("9223372036854775808") == "a number beyond 64 bits");
  CHECK(worth("9223372036854775807+1") == "a number beyond 64 bits");
  CHECK(worth("0-9223372036854775807-1") == "a number beyond 64 bits");
  CHECK(worth("4294967296*4294967296") == "a number beyond 64 bits");
  CHECK(worth("1/4294967296/4294967296") == "a number beyond 64 bits");
  CHECK(worth("1/9223372036854775807+1/9223372036854775806") == "a number beyond 64 bits");
}

TEST_CASE("expression: numbers are those of the text, in its order") {
  CHECK(evaluate("(20-17)*16").numbers == std::vector<int64_t>{20, 17, 16});
  CHECK(evaluate("1+").numbers.empty());
}

TEST_CASE("expression: hostile texts end with an outcome") {
  const std::string open(kExpressionDepthMax, '('), close(kExpressionDepthMax, ')');
  CHECK(worth(open + "1" + close) == "1");
  CHECK(worth("(" + open + "1" + close + ")") == "too many brackets inside one another");
  CHECK(worth(std::string(kExpressionBytesMax, '(')) == "too many brackets inside one another");
  CHECK(worth(std::string(100'000, '(')) == "too long");
  CHECK(worth(std::string(100'000, ')')) == "too long");
  CHECK(worth(std::string(kExpressionBytesMax, '9')) == "a number beyond 64 bits");
  CHECK(worth(std::string(kExpressionBytesMax - 1, ' ') + "1") == "1");
  CHECK(worth(std::string(kExpressionBytesMax, ' ') + "1") == "too long");
  std::string chain = "1";
  while (chain.size() + 2 <= kExpressionBytesMax) chain += "+1";
  CHECK(worth(chain) == "512");
}

TEST_CASE("expression: random expressions have the value of another evaluator") {
  const uint64_t seed = test::seed();
  CAPTURE(seed);
  uint32_t undefined = 0, fractions = 0;
  for (uint64_t i = 0; i < 4000; ++i) {
    env::KeyedRandom random(seed, env::Purpose::kSimulation, i);
    const Made made = make(random, 3);  // Eight literals: the fraction stays far below 2^63.
    const Evaluation e = evaluate(made.text);
    CAPTURE(made.text);
    if (made.denominator == 0) {
      CHECK(e.outcome == ExpressionOutcome::kDivisionByZero);
      ++undefined;
      continue;
    }
    REQUIRE(e.outcome == ExpressionOutcome::kValue);
    REQUIRE(e.value.denominator > 0);
    CHECK(e.value.numerator * made.denominator == made.numerator * e.value.denominator);
    fractions += e.value.denominator > 1;
  }
  CHECK(undefined > 100);
  CHECK(fractions > 100);
}

TEST_CASE("expression: any bytes give an outcome") {
  const uint64_t seed = test::seed();
  CAPTURE(seed);
  constexpr std::string_view kAlphabet = "0123456789+-*/() \n.x\xC3\x97=";
  uint32_t values = 0;
  for (uint64_t i = 0; i < 20'000; ++i) {
    env::KeyedRandom random(seed, env::Purpose::kSimulation, i);
    std::string text;
    for (uint32_t left = random.below(12); left > 0; --left)
      text += kAlphabet[random.below(kAlphabet.size())];
    CAPTURE(text);
    values += evaluate(text).outcome == ExpressionOutcome::kValue;
  }
  CHECK(values > 200);
}
