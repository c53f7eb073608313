// Goal: every template comes out as Python's Jinja2 3.1.6 renders it in Hugging Face's environment,
// byte for byte, and what it refuses is refused. Method: cases of the whole language with goldens
// of Jinja2; the templates and renderings of real models in ../shared/data/chat_templates, skipped
// visibly where there are none; refusals with their whole message.

#include "model/chat/chat_template.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <map>
#include <sstream>

#include "model/chat/runtime.hpp"
#include "runtime/base/zstd.hpp"
#include "tests/model/chat/cases.hpp"

using namespace thespis;
using model::chat::ChatTemplate;
using test::kChatData;

namespace {

constexpr uint64_t kDataBytesMax = 16 << 20;

std::string render(std::string_view source, const ChatTemplate::Variables& variables = {}) {
  return ChatTemplate::parse(source, "t").render(variables, model::chat::parse_time("2025-01-31"));
}

/// The message with which a template is refused, read or rendered.
std::string refusal(std::string_view source, const ChatTemplate::Variables& variables = {}) {
  try {
    return "rendered: " + render(source, variables);
  } catch (const InputError& error) {
    return error.what();
  }
}

/// Renders the records of a file, each by the template that `template_of` finds.
template <class TemplateOf>
void check_records(const std::string& text, size_t expected_count, const TemplateOf& template_of) {
  std::istringstream lines(text);
  size_t count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    auto record = nlohmann::ordered_json::parse(line);
    const std::string expected = record["expected"];
    const ChatTemplate& chat_template = template_of(record["template"].get<std::string>());
    for (const char* key : {"template", "conv", "expected", "name", "source"}) record.erase(key);
    CAPTURE(count);
    CHECK(chat_template.render(test::variables_of(record), model::chat::parse_time("2025-01-31")) ==
          expected);
  }
  CHECK(count == expected_count);
}

}  // namespace

TEST_CASE("chat template: the language, as Jinja2 renders it") {
  const auto variables = test::chat_case_variables();
  const auto cases = test::chat_cases();
  REQUIRE(cases.size() > 200);
  for (const auto& [source, golden] : cases) {
    CAPTURE(source);
    if (golden.contains("text")) {
      CHECK(render(source, variables) == golden["text"].get<std::string>());
    } else if (golden.contains("raised")) {
      CHECK(refusal(source, variables) == golden["raised"].get<std::string>());
    } else {
      const std::string message = refusal(source, variables);
      CHECK_THAT(message, Catch::Matchers::StartsWith("t line "));
      CHECK(message.find('\n') == message.npos);
    }
  }
}

TEST_CASE("chat template: renderings of real models' templates") {
  const auto file = kChatData / "jinja2_renderings.shared.jsonl.zst";
  if (!std::filesystem::exists(file)) SKIP("no " << file);
  std::map<std::string, ChatTemplate> templates;
  check_records(
      read_packed_file(file, kDataBytesMax), 198, [&](const std::string& name) -> auto& {
        const auto found = templates.find(name);
        if (found != templates.end()) return found->second;
        const auto path = kChatData / "templates" / (name + ".jinja");
        return templates.emplace(name, ChatTemplate::parse(read_file(path, kDataBytesMax), name))
            .first->second;
      });
  CHECK(templates.size() == 11);
}

TEST_CASE("chat template: llama.cpp's table") {
  const auto file = kChatData / "llamacpp_table.shared.jsonl";
  if (!std::filesystem::exists(file)) SKIP("no " << file);
  std::optional<ChatTemplate> chat_template;
  check_records(
      read_file(file, kDataBytesMax), 12, [&](const std::string& source) -> auto& {
        return chat_template.emplace(ChatTemplate::parse(source, "t"));
      });
}

TEST_CASE("chat template: what is not supported is refused by name and line") {
  CHECK(refusal("a\n{{ x | xmlattr }}") == "t line 2: the filter `xmlattr` is not supported");
  CHECK(refusal("{{ x is filter }}") == "t line 1: the test `filter` is not supported");
  CHECK(refusal("\n\n{% include 'a' %}") == "t line 3: the statement `include` is not supported");
  CHECK(refusal("{% import 'a' as b %}") == "t line 1: the statement `import` is not supported");
  CHECK(refusal("{% extends 'a' %}") == "t line 1: the statement `extends` is not supported");
  CHECK(refusal("{% block a %}") == "t line 1: the statement `block` is not supported");
  CHECK(refusal("{% for x in y recursive %}") ==
        "t line 1: the loop modifier `recursive` is not supported");
  CHECK(refusal("{{ 'a'.encode() }}") == "t line 1: the method `encode` of a str is not supported");
  CHECK(refusal("{{ joiner() }}") == "t line 1: the function `joiner` is not supported");
  CHECK(refusal("{% do x %}") == "t line 1: unknown tag 'do'");
  CHECK(refusal("{{ '\\N{DASH}' }}") == "t line 1: the escape \\N{...} is not supported");
}

TEST_CASE("chat template: a branch that is not taken may need what is not supported") {
  CHECK(render("{% if false %}{{ 1 | xmlattr }}{% endif %}{{ 1 | pprint if 0 else 2 }}") == "2");
  CHECK(refusal("{% if true %}\n{{ 1 | xmlattr }}{% endif %}") ==
        "t line 2: the filter `xmlattr` is not supported");
}

TEST_CASE("chat template: errors name the line where they happen") {
  CHECK(refusal("{{ 1 }}\n{{ a.b }}") == "t line 2: 'a' is undefined");
  CHECK(refusal("{% macro m(x) %}\n{{ x + 1 }}\n{% endmacro %}\n\n{{ m('a') }}") ==
        "t line 2: can only concatenate str (not \"int\") to str");
  CHECK(refusal("{{ ('a' ~\n'b' |\n upper).c.d }}") ==
        "t line 3: 'str object' has no attribute 'c'");
  CHECK(refusal("{% if x %}\n") ==
        "t line 1: the template ends where 'elif' or 'else' or 'endif' "
        "is due");
  CHECK(refusal("\n{{ 'a }}") == "t line 2: a text in quotes has no end");
  CHECK(refusal("a\xff") == "t: is not UTF-8");
}

TEST_CASE("chat template: without a time there is no strftime_now") {
  const auto chat_template =
      ChatTemplate::parse("{{ strftime_now is defined }}{{ strftime_now('%Y') }}", "t");
  CHECK(chat_template.render({}, model::chat::parse_time("1999-12-31")) == "True1999");
  CHECK_THROWS_AS(chat_template.render({}, std::nullopt), InputError);
  CHECK_THROWS_AS(model::chat::parse_time("2025-02-30"), InputError);
  CHECK_THROWS_AS(model::chat::parse_time("tomorrow"), InputError);
}
