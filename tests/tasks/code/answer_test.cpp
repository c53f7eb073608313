// What stands between a model's text and a verdict: the program in it, the comparison of outputs,
// and what people are shown. Cases are written by hand; fuzzed texts keep the stated limits.

#include <catch2/catch_test_macros.hpp>

#include "tasks/code/escape.hpp"
#include "tasks/code/extract.hpp"
#include "tasks/code/output.hpp"
#include "tests/support/mutations.hpp"

namespace thespis::tasks {
namespace {

std::string program(std::string_view text, Language language = Language::kPython) {
  const auto extracted = extract_program(text, language);
  if (!extracted.program) return "none: " + std::string(extracted.problem);
  return std::string(*extracted.program);
}

bool is_same(std::string_view given, std::string_view expected, const OutputRule& rule = {}) {
  return !difference(given, expected, rule);
}

}  // namespace

TEST_CASE("extract: the last closed block of the language") {
  CHECK(program("```python\na\n```\ntext\n```py\nb\n```\n") == "b\n");
  CHECK(program("```python\na\n```\n```cpp\nb\n```\n") == "a\n");
  CHECK(program("```c++\nb\n```", Language::kCpp) == "b\n");
  CHECK(program("```c\nb\n```", Language::kC) == "b\n");
  CHECK(program("```c\nb\n```", Language::kCpp).starts_with("none"));
  CHECK(program("~~~~ Python title\na\n~~~\n~~~~\n") == "a\n~~~\n");
  CHECK(program("```python\na\n``` x\n```\n") == "a\n``` x\n");
  CHECK(program("```python\r\na\r\n```\r\n") == "a\r\n");
}

TEST_CASE("extract: the whole answer where there is no fence") {
  CHECK(program("print(1)") == "print(1)");
  CHECK(program("    ```python\nx") == "    ```python\nx");
  CHECK(program(" \n") == "none: the program is empty");
}

TEST_CASE("extract: an answer that is not plain is none") {
  CHECK(program("```\na\n```\n").starts_with("none"));
  CHECK(program("```python\na\n").starts_with("none"));
  CHECK(program("```python\na\n```\n```python\nb\n").starts_with("none"));
  CHECK(program("```python\n```\n").starts_with("none"));
  CHECK(program("```python\n" + std::string(70'000, 'a') + "\n```\n").starts_with("none"));
}

TEST_CASE("extract: only behind the thought") {
  CHECK(program("<think>```python\na\n```\n</think>\n```python\nb\n```") == "b\n");
  CHECK(program("<think>```python\na\n```\n").starts_with("none"));
  CHECK(program("<think>```python\na\n```\n</think>").starts_with("none"));
  CHECK(program("a</think>b</think>c").starts_with("none"));
  CHECK(program("<think>x</think>print(1)") == "print(1)");
  CHECK(program("<think>x</think> <answer>\n```python\nb\n```\n</answer>") == "b\n");
  CHECK(program("<think>x</think> <answer>b</answer>") == "b");
  CHECK(program("<think>x</think> <answer>b").starts_with("none"));
  CHECK(program("<think>x</think> <answer>b</answer><answer>c</answer>").starts_with("none"));
  CHECK(program("<think>x</think> ```python\na\n```\n<answer>b</answer>") == "b");
}

TEST_CASE("output: tokens between blanks") {
  CHECK(is_same("3\n", "3"));
  CHECK(is_same(" 3  4\r\n\n", "3\n4\n"));
  CHECK(!is_same("3", "3 4"));
  CHECK(!is_same("3 4", "3"));
  CHECK(!is_same("", "3"));
  CHECK(is_same(" \n", ""));
  CHECK(!is_same(std::string("3\0", 2), "3"));
  CHECK(
      !is_same("\xef\xbb\xbf"
               "3",
               "3"));
  CHECK(!is_same("\u0663", "3"));
  CHECK(!is_same("Yes", "YES"));
  CHECK(is_same("Yes", "yES", {.ignore_case = true}));
  CHECK(!is_same("3.0", "3"));
  CHECK(difference("1 2", "1 3", {}) == "token 2 is 2, not 3");
}

TEST_CASE("output: tolerance, and blanks that count") {
  const OutputRule rule{.absolute_tolerance = 1e-4, .relative_tolerance = 1e-4};
  CHECK(is_same("3.00005", "3", rule));
  CHECK(is_same("3e0", "3", rule));
  CHECK(is_same("1000000", "1000050", rule));
  CHECK(!is_same("3.1", "3", rule));
  CHECK(!is_same("nan", "3", rule));
  CHECK(!is_same("inf", "3", rule));
  CHECK(!is_same("0x3", "3", rule));
  CHECK(!is_same("3x", "3", rule));
  CHECK(is_same("x", "x", rule));
  CHECK(!is_same("1e400", "3", rule));
  CHECK(is_same("a  b\n", "a  b\n", {.exact_blanks = true}));
  CHECK(!is_same("a b\n", "a  b\n", {.exact_blanks = true}));
}

TEST_CASE("escape: nothing reaches a terminal but text") {
  CHECK(escaped("plain \u00e4\u4e2d\n") == "plain \u00e4\u4e2d\n");
  CHECK(escaped("\x1b[2J\r\x07\x7f") == "\\x1b[2J\\x0d\\x07\\x7f");
  CHECK(escaped("a\u202e"
                "b\u2066\u200f") == "a\\u{202e}b\\u{2066}\\u{200f}");
  CHECK(escaped("\u0085\u009b") == "\\u{85}\\u{9b}");
  CHECK(escaped("\xff\xc0\x80\xed\xa0\x80") == "\\xff\\xc0\\x80\\xed\\xa0\\x80");
  CHECK(escaped("a\nb", 100, false) == "a\\nb");
  CHECK(escaped(std::string("\0", 1)) == "\\x00");
  CHECK(escaped(std::string(100, 'a'), 10) == "aaaaaaaaaa... (90 bytes more)");
}

TEST_CASE("extract, output, escape: fuzz") {
  test::Mutations mutations(
      32,
      {"<think>a</think>\n<answer>```python\nprint(1)\n```\n</answer>", "```py\nx\n```", "1 2\n"},
      {"```", "~~~", "<think>", "</think>", "<answer>", "</answer>", "\n", "python", "\x1b[",
       "\u202e", "\xf0\x9f", " ", "1e9"});
  size_t found = 0, missing = 0;
  mutations.run("answers", 5000, [&](const std::string& text) {
    const auto extracted = extract_program(text, Language::kPython);
    ++(extracted.program ? found : missing);
    if (extracted.program) {
      CHECK(text.find(*extracted.program) != text.npos);
    } else {
      CHECK(!extracted.problem.empty());
    }
    CHECK(is_same(text, text));
    for (const char c : escaped(text)) {
      const auto byte = static_cast<uint8_t>(c);
      CHECK((byte >= 0x20 || byte == '\n' || byte == '\t'));
      CHECK(byte != 0x7f);
    }
  });
  CHECK(found > 0);
  CHECK(missing > 0);
}

}  // namespace thespis::tasks
