// Goal: a template from a stranger ends within named limits, whatever it says (CR-1). Method: for
// each limit a template that reaches it, with its message; then mutations of real templates, of
// which none may do anything but render or be refused.

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "model/chat/runtime.hpp"
#include "tests/model/chat/cases.hpp"
#include "tests/support/mutations.hpp"

using namespace thespis;
using Catch::Matchers::ContainsSubstring;
using model::chat::ChatTemplate;

namespace {

std::string refusal(const std::string& source) {
  try {
    return "rendered " + ChatTemplate::parse(source, "t").render({}, std::nullopt).substr(0, 100);
  } catch (const InputError& error) {
    return error.what();
  }
}

std::string repeated(std::string_view text, size_t count) {
  std::string out;
  for (size_t i = 0; i < count; ++i) out += text;
  return out;
}

/// `body` ten billion times.
std::string looped(const std::string& body) {
  return "{% for a in range(100000) %}{% for b in range(100000) %}" + body +
         "{% endfor %}{% endfor %}";
}

}  // namespace

TEST_CASE("chat template: steps have a limit") {
  CHECK_THAT(refusal(looped("{% set x = 1 %}")), ContainsSubstring("the template"));
  CHECK_THAT(
      refusal("{% set ns = namespace(l=range(100000)|list) %}" + looped("{{ ns.l == ns.l }}")),
      ContainsSubstring("more than 20000000 steps"));
}

TEST_CASE("chat template: what is made has a limit") {
  const std::string doubling =
      "{% set ns = namespace(x='ab') %}{% for i in range(100) %}"
      "{% set ns.x = ns.x ~ ns.x %}{% endfor %}";
  CHECK_THAT(refusal(doubling), ContainsSubstring("a text has more than 33554432 bytes"));
  CHECK_THAT(refusal("{{ 'ab' * 1000000000000 }}"), ContainsSubstring("a text has more than"));
  CHECK_THAT(refusal("{{ '%999999999d' % 1 }}"), ContainsSubstring("a text has more than"));
  CHECK_THAT(refusal("{{ 'a'.center(99999999999) }}"), ContainsSubstring("a text has more than"));
  CHECK_THAT(refusal("{{ ['a']|tojson(indent=999999999) }}"),
             ContainsSubstring("a text has more than"));
  CHECK_THAT(refusal("{{ ([1] * 1000000000000)|length }}"),
             ContainsSubstring("more than 536870912 bytes of values"));
  CHECK_THAT(refusal("{{ [1]|batch(1000000000000, 0)|list }}"), ContainsSubstring("more than"));
  CHECK_THAT(refusal(looped("{{ 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' }}")),
             ContainsSubstring("more than"));
  CHECK_THAT(refusal("{{ range(100001) }}"), ContainsSubstring("Range too big"));
}

TEST_CASE("chat template: nesting has a limit") {
  CHECK_THAT(refusal("{{ " + repeated("(", 5000) + "1" + repeated(")", 5000) + " }}"),
             ContainsSubstring("nested more than 100 deep"));
  CHECK_THAT(refusal("{{ " + repeated("not ", 5000) + "1 }}"),
             ContainsSubstring("nested more than 100 deep"));
  CHECK_THAT(refusal("{{ " + repeated("-", 5000) + "1 }}"),
             ContainsSubstring("nested more than 100 deep"));
  CHECK_THAT(refusal(repeated("{% if 1 %}", 5000)), ContainsSubstring("nested more than 100 deep"));
  CHECK_THAT(refusal("{{ 1" + repeated(" + 1", 5000) + " }}"),
             ContainsSubstring("over more than 400 parts"));
  CHECK_THAT(refusal("{{ a" + repeated(".a", 5000) + " }}"),
             ContainsSubstring("over more than 400 parts"));
  CHECK_THAT(refusal("{{ 1" + repeated("|abs", 5000) + " }}"),
             ContainsSubstring("over more than 400 parts"));
  CHECK(refusal("{{ 1" + repeated(" + 1", 300) + " }}") == "rendered 301");
  CHECK_THAT(refusal("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}"),
             ContainsSubstring("nested more than 1000 deep"));
  CHECK_THAT(refusal("{% macro m() %}{{ " + repeated("[", 90) + "m()" + repeated("]", 90) +
                     " }}{% endmacro %}{{ m() }}"),
             ContainsSubstring("nested more than 1000 deep"));
  CHECK_THAT(refusal("{% set ns = namespace(x=[]) %}{% for i in range(300) %}"
                     "{% set ns.x = [ns.x] %}{% endfor %}"),
             ContainsSubstring("nested more than 200 deep"));
  CHECK_THAT(refusal(std::string((1 << 20) + 1, 'a')), ContainsSubstring("at most 1048576"));
}

TEST_CASE("chat template: a namespace may hold itself") {
  CHECK(refusal("{% set ns = namespace() %}{% set ns.a = [ns, {'b': ns}] %}{{ ns.a[0].a[1].b == ns "
                "}}") == "rendered True");
  CHECK_THAT(refusal("{% set ns = namespace() %}{% set ns.a = [ns] %}{{ ns.a }}"),
             ContainsSubstring("a Namespace cannot be printed"));
  CHECK_THAT(refusal("{% set ns = namespace() %}{% for i in [1] %}{% macro m() %}{% endmacro %}"
                     "{% set ns.m = m %}{% endfor %}{{ ns.m() }}"),
             ContainsSubstring("outside of the block that defines it"));
}

TEST_CASE("chat template: a comparison without an order sorts within its bounds") {
  CHECK(refusal("{{ ([1e999 - 1e999, 2, 1] * 30)|sort|length }}") == "rendered 90");
}

TEST_CASE("chat template: JSON from strangers is bounded") {
  CHECK_THROWS_AS(model::chat::parse_json(repeated("[", 100'000), "row"), InputError);
  CHECK_THROWS_AS(model::chat::parse_json("{\"a\": \"\xff\"}", "row"), InputError);
  CHECK_THROWS_AS(model::chat::parse_json("[1] 2", "row"), InputError);
}

TEST_CASE("chat template fuzz: mutations of templates render or are refused") {
  std::vector<std::string> corpus;
  for (const auto& one : test::chat_cases()) corpus.push_back(one.source);
  if (std::filesystem::exists(test::kChatData / "templates"))
    for (const auto& entry : std::filesystem::directory_iterator(test::kChatData / "templates"))
      corpus.push_back(read_file(entry.path(), 1 << 20));
  const auto variables = test::chat_case_variables();
  test::Mutations mutations(11, std::move(corpus),
                            {"{{",
                             "}}",
                             "{%",
                             "%}",
                             "{%-",
                             "-%}",
                             "{#",
                             "#}",
                             "|",
                             "[",
                             "]",
                             "(",
                             ")",
                             "{",
                             "}",
                             ".",
                             "~",
                             "-",
                             "**",
                             "//",
                             "%",
                             "[::-1]",
                             "[1:]",
                             "messages",
                             "loop",
                             "ns",
                             "d",
                             "users",
                             "s",
                             "|list",
                             "|tojson",
                             "|join",
                             "|sort",
                             "|first",
                             "|items",
                             "|map",
                             "|int",
                             "|string",
                             "|length",
                             "|replace",
                             ".split()",
                             ".items()",
                             "range(9)",
                             "is defined",
                             "is mapping",
                             "namespace()",
                             " if ",
                             " else ",
                             " not ",
                             " in ",
                             "{% for x in messages %}",
                             "{% endfor %}",
                             "{% if d %}",
                             "{% endif %}",
                             "{% set x = ",
                             "{% macro m(a) %}",
                             "{% endmacro %}",
                             "m(1)",
                             "'",
                             "\"",
                             "\\",
                             "\\u00e9",
                             "9223372036854775807",
                             "1e308",
                             "none",
                             "true",
                             "caller()",
                             "\xf0\x9f\x98\x80"});
  int rendered = 0, refused = 0;
  mutations.run("chat template", 4000, [&](const std::string& source) {
    try {
      ChatTemplate::parse(source, "t").render(variables, model::chat::parse_time("2025-01-31"));
      ++rendered;
    } catch (const InputError&) {
      ++refused;
    }
  });
  CHECK(rendered > 100);
  CHECK(refused > 100);
}
