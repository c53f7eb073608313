// Goal: no step of a template takes long (CR-2): whoever walks over a text pays for its bytes.
// Method: every filter, test, method and operator, once with a short text and once with a long one,
// where the difference must be paid for, also where it ends in a Fault; then templates that would
// walk over long texts for hours without that.

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "model/chat/chat_template.hpp"
#include "model/chat/evaluator.hpp"
#include "model/chat/filters.hpp"
#include "model/chat/functions.hpp"
#include "model/chat/method_tables.hpp"
#include "model/chat/parser.hpp"
#include "model/chat/tests.hpp"

using namespace thespis;
using namespace thespis::model::chat;
using Catch::Matchers::ContainsSubstring;

namespace {

uint64_t steps_of(const std::string& source, size_t bytes) {
  Runtime runtime(parse_time("2025-01-31"));
  const std::string text(bytes, 'a');
  Dict dict;
  dict.set(Value::text("a"), Value(true));
  const Evaluator::Variables variables = {
      {"x", Value::text(text)},
      {"y", Value::text(text)},
      {"d", Value(std::shared_ptr<const Dict>(std::make_shared<Dict>(dict)))}};
  const Block block = parse(source);
  Evaluator evaluator(runtime, variables);
  try {
    evaluator.run(block);
  } catch (const InputError&) {  // What comes before it is paid for.
  }
  return runtime.steps();
}

/// Sources that read x, or x and y.
std::vector<std::string> sources() {
  std::vector<std::string> out;
  for (const auto* filters : {&text_filters(), &list_filters(), &value_filters()})
    for (const FilterEntry& filter : *filters) {
      const std::string name(filter.name);
      out.push_back("{{ x|" + name + " }}");
      out.push_back("{{ 'a'|" + name + "(x) }}");
      out.push_back("{{ 'a'|" + name + "(k=x) }}");
      out.push_back("{{ [x]|map('" + name + "')|list }}");
    }
  for (const MethodEntry& method : text_methods()) {
    if (method.call == nullptr) continue;
    const std::string name(method.name);
    out.push_back("{{ x." + name + "() }}");
    out.push_back("{{ 'a'." + name + "(x) }}");
  }
  for (const char* test : {"defined", "string", "lower", "upper", "in 'a'", "eq(y)", "lt(y)"})
    for (const char* form : {"{{ x is ", "{{ y is not "})
      out.push_back(form + std::string(test) + " }}");
  for (const char* expression : {"x == y",
                                 "x < y",
                                 "x in y",
                                 "x in [y]",
                                 "y in d",
                                 "{x: 1}",
                                 "dict([(x, 1)])",
                                 "d[x]",
                                 "d.get(x)",
                                 "namespace()[x]",
                                 "x[5]",
                                 "x[99999999]",
                                 "x[1:2]",
                                 "x[::0]",
                                 "x + ''",
                                 "'' ~ x",
                                 "x * 0 + x",
                                 "'%.0s' % x",
                                 "'%.0s' % (x,)",
                                 "x % 1",
                                 "'{:.0}'.format(x)",
                                 "'{0!r:.0}'.format(x)",
                                 "[x]|string|length",
                                 "[x]|tojson|length",
                                 "{x: 1}|tojson|length",
                                 "[x]|map(attribute=x)|list",
                                 "[x, y]|unique(true)|list",
                                 "[x, y]|sort(case_sensitive=true)",
                                 "[x, y]|max",
                                 "d|dictsort(by=x)",
                                 "'a'.startswith((x, y))",
                                 "x.startswith((y, y))",
                                 "strftime_now(x)",
                                 "range(x)",
                                 "raise_exception(x)",
                                 "[x, y]|sum",
                                 "[x].index(y)",
                                 "(x, y).count(x)",
                                 "x|int",
                                 "x|float",
                                 "x.strip('b')"})
    out.push_back("{{ " + std::string(expression) + " }}");
  return out;
}

std::string refusal(const std::string& source) {
  try {
    return "rendered " + ChatTemplate::parse(source, "t").render({}, std::nullopt).substr(0, 100);
  } catch (const InputError& error) {
    return error.what();
  }
}

/// `body` ten billion times, over a text of 16 MiB.
std::string looped(const std::string& body) {
  return "{% set x = 'a' * 16777216 %}{% set l = [x] * 1000 %}{% for a in range(100000) %}"
         "{% for b in range(100000) %}" +
         body + "{% endfor %}{% endfor %}";
}

}  // namespace

TEST_CASE("chat template: who reads a text pays for it") {
  constexpr size_t kShort = 16, kLong = 1 << 17;
  for (const std::string& source : sources()) {
    CAPTURE(source);
    const uint64_t paid = steps_of(source, kLong) - steps_of(source, kShort);
    CHECK(paid + 20 >= (kLong - kShort) / kBytesAStep);  // Errors are shorter than values.
  }
}

TEST_CASE("chat template: long texts walked over again and again are refused soon") {
  for (const char* body : {"{% if x|length == 1 %}{% endif %}", "{% if x is upper %}{% endif %}",
                           "{% if l|unique(true)|list %}{% endif %}"})
    CHECK_THAT(refusal(looped(body)), ContainsSubstring("more than 20000000 steps"));
  // What a block writes is paid for also where nothing is made of it.
  CHECK_THAT(refusal(looped("{% set y %}{{ x }}{% break %}{% endset %}")),
             ContainsSubstring("more than 536870912 bytes"));
  CHECK_THAT(refusal("{% macro m() %}{{ 'a' * 16777216 }}{{ m() }}{% endmacro %}{{ m() }}"),
             ContainsSubstring("more than 536870912 bytes"));
}

TEST_CASE("chat template: whole numbers have as many digits as Python reads") {
  const std::string digits(4300, '7');
  CHECK_THAT(refusal("{{ " + digits + " }}"), ContainsSubstring("rendered 777"));
  CHECK_THAT(refusal("{{ ('7' * 4300)|int }}"), ContainsSubstring("rendered 777"));
  CHECK(refusal("{{ 7" + digits + " }}") == "t line 1: a whole number has more than 4300 digits");
  CHECK(refusal("{{ ('7' * 4301)|int }}") == "t line 1: a whole number has more than 4300 digits");
}
