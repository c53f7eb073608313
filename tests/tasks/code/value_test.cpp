// Values that come from untrusted programs: what is read, what is refused, when two are equal.
// Texts are written down by hand; random ones must be read back as they were, mutated ones must be
// refused or be some value, under the sanitizers without a report.

#include "tasks/code/value.hpp"

#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

#include "runtime/env/random.hpp"
#include "tasks/code/value_equal.hpp"
#include "tests/support/mutations.hpp"
#include "tests/support/seeds.hpp"

namespace thespis::tasks {
namespace {

bool same(std::string_view given, std::string_view expected, const ValueRule& rule = {}) {
  const auto a = parse_value(given), b = parse_value(expected);
  REQUIRE(a);
  REQUIRE(b);
  return equal(*a, *b, rule);
}

constexpr ValueRule kPython{false, 0};

Value random_value(env::KeyedRandom& random, uint32_t depth) {
  const uint32_t kind = random.below(depth < 4 ? 9 : 5);
  Value value;
  value.type = static_cast<Value::Type>(kind);
  if (kind == 1) value.boolean = random.below(2) == 1;
  if (kind == 2) value = Value::of_int(static_cast<int64_t>(random.next_u64()));
  if (kind == 3) value.number = random.normal() * 1e3;
  if (kind == 4)
    for (uint32_t i = random.below(5); i > 0; --i)
      value.text += static_cast<char>(random.below(256));
  if (kind >= 5)
    for (uint32_t i = random.below(4) * (kind == 7 ? 2 : 1); i > 0; --i)
      value.items.push_back(random_value(random, depth + 1));
  return value;
}

}  // namespace

TEST_CASE("value: texts that are values") {
  for (const std::string_view text :
       {"n", "t", "f", "i0;", "i-12;", "i99999999999999999999999999;", "d0x1.8p+1;", "d-0x1p-3;",
        "dinf;", "d-inf;", "dnan;", "s0:", "s3:a;b", "l0:", "l2:i1;i2;", "u1:n", "m1:s1:ai1;",
        "e2:i1;i2;"}) {
    CAPTURE(text);
    const auto value = parse_value(text);
    REQUIRE(value);
    CHECK(to_text(*value) == text);
  }
}

TEST_CASE("value: texts that are none") {
  for (const std::string_view text : {"",
                                      "x",
                                      "i;",
                                      "i01;",
                                      "i-0;",
                                      "i+1;",
                                      "i1",
                                      "i 1;",
                                      "i1_0;",
                                      "i\xd9\xa3;",
                                      "d1.5;",
                                      "d0x;",
                                      "d0x1p99999;",
                                      "d--0x1p+1;",
                                      "s3:ab",
                                      "s-1:",
                                      "s01:a",
                                      "s99999999999:a",
                                      "l2:i1;",
                                      "l:",
                                      "m1:i1;",
                                      "e1:",
                                      "nn",
                                      "i1;i2;",
                                      "l4000000000:",
                                      "m4000000000:nn"}) {
    CAPTURE(text);
    CHECK(!parse_value(text));
  }
}

TEST_CASE("value: depth and size are limited") {
  std::string deep;
  for (int i = 0; i < 64; ++i) deep += "l1:";
  CHECK(parse_value(deep + "n"));
  CHECK(!parse_value("l1:" + deep + "n"));
  std::string abyss;
  for (int i = 0; i < 20'000; ++i) abyss += "l1:";
  CHECK(!parse_value(abyss + "n"));
  CHECK(!parse_value("s70000:" + std::string(70'000, 'a')));
  CHECK(parse_value("s70000:" + std::string(70'000, 'a'), {1 << 20, 64}));
}

TEST_CASE("value: several in a row, up to what is not whole") {
  CHECK(parse_values("i1;l1:n").values.size() == 2);
  CHECK(parse_values("i1;l1:n").whole);
  CHECK(parse_values("i1;l1:").values.size() == 1);
  CHECK(!parse_values("i1;l1:").whole);
  CHECK(!parse_values("x").whole);
  CHECK(parse_values("").whole);
}

TEST_CASE("value: exact equality tells types apart") {
  CHECK(same("i3;", "i3;"));
  CHECK(!same("t", "i1;"));
  CHECK(!same("d0x1p+0;", "i1;"));
  CHECK(!same("l1:i1;", "u1:i1;"));
  CHECK(same("dnan;", "dnan;"));
  CHECK(!same("dnan;", "d0x1p+0;"));
  CHECK(same("e2:i1;i2;", "e2:i2;i1;"));
  CHECK(!same("e2:i1;i1;", "e2:i2;i1;"));
  CHECK(!same("e1:t", "e1:i1;"));
  CHECK(same("m2:i1;s1:ai2;s1:b", "m2:i2;s1:bi1;s1:a"));
  CHECK(!same("m2:i1;s1:ai2;s1:b", "m2:i2;s1:ai1;s1:b"));
  CHECK(!same("l1:s1:a", "l2:s1:as1:b"));
  CHECK(!same("s2:1;", "i1;"));
}

TEST_CASE("value: Python's equality crosses the kinds of numbers") {
  CHECK(same("t", "i1;", kPython));
  CHECK(same("d0x1p+1;", "i2;", kPython));
  CHECK(same("d-0x0p+0;", "i0;", kPython));
  CHECK(same("d0x1p+70;", "i1180591620717411303424;", kPython));
  CHECK(!same("d0x1p+70;", "i1180591620717411303425;", kPython));
  CHECK(!same("d0x1.8p+0;", "i1;", kPython));
  CHECK(!same("dnan;", "dnan;", kPython));
  CHECK(!same("dinf;", "i1;", kPython));
  CHECK(same("dinf;", "dinf;", kPython));
  CHECK(same("e1:d0x1p+0;", "e1:t", kPython));
  CHECK(same("m1:d0x1p+0;n", "m1:i1;n", kPython));
  CHECK(!same("l1:i1;", "u1:i1;", kPython));
  CHECK(!same("s1:1", "i1;", kPython));
  CHECK(!same("n", "f", kPython));
}

TEST_CASE("value: a tolerance is for floats") {
  const ValueRule rule{true, 1e-6};
  CHECK(same("d0x1.000001p+0;", "d0x1p+0;", rule));
  CHECK(!same("d0x1.001p+0;", "d0x1p+0;", rule));
  CHECK(same("i1;", "d0x1p+0;", rule));
  CHECK(!same("t", "d0x1p+0;", rule));
  CHECK(!same("d0x1p+0;", "i1;", rule));
  CHECK(!same("dnan;", "d0x1p+0;", rule));
  CHECK(!same("dinf;", "d0x1p+0;", rule));
  CHECK(same("l1:d0x1.000001p+0;", "l1:d0x1p+0;", rule));
}

TEST_CASE("value: JSON's values, as Python reads them") {
  const auto json = nlohmann::json::parse(R"({"a":[1,2.0,true,null,"x"],"b":-3})");
  CHECK(to_text(value_of(json)) == "m2:s1:al5:i1;d0x1p+1;tns1:xs1:bi-3;");
  CHECK(shown(value_of(json)) == "{'a': [1, 2, True, None, 'x'], 'b': -3}");
}

TEST_CASE("value: what is written is read back") {
  const uint64_t seed = test::seed();
  CAPTURE(seed);
  env::KeyedRandom random(seed, env::Purpose::kSimulation, 1);
  for (int round = 0; round < 2000; ++round) {
    const Value value = random_value(random, 0);
    const auto again = parse_value(to_text(value));
    REQUIRE(again);
    CHECK(to_text(*again) == to_text(value));
    CHECK(equal(*again, value, {}));
  }
}

TEST_CASE("value: fuzz") {
  test::Mutations mutations(31, {"l3:m2:s1:ai1;i2;d0x1.8p+1;u2:tfe2:i1;s4:abcd", "u2:s3:abci-7;"},
                            {"l", "m9:", "i", ";", ":", "999999999", "e2:", "dnan;", "s1:"});
  size_t refused = 0, accepted = 0;
  mutations.run("values", 5000, [&](const std::string& text) {
    const auto value = parse_value(text);
    ++(value ? accepted : refused);
    if (value) CHECK(equal(*parse_value(to_text(*value)), *value, {}));
  });
  CHECK(refused > 0);
  CHECK(accepted > 0);
}

}  // namespace thespis::tasks
