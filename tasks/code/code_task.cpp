// Every field is checked before it is used: a row may come from anywhere.

#include "tasks/code/code_task.hpp"

#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "runtime/base/error.hpp"

namespace thespis::tasks {
namespace {

using nlohmann::json;

constexpr size_t kTestsMax = 1024;
constexpr ValueLimits kTypedLimits{4 << 20, 64};

const json* field(const json& object, const char* name) {
  const auto it = object.find(name);
  return it == object.end() || it->is_null() ? nullptr : &*it;
}

void read(const json& object, const char* name, std::string& text) {
  const json* value = field(object, name);
  if (value == nullptr) return;
  if (!value->is_string()) throw InputError(fmt::format("\"{}\" must be a text", name));
  text = value->get<std::string>();
}

void read(const json& object, const char* name, bool& flag) {
  const json* value = field(object, name);
  if (value == nullptr) return;
  if (!value->is_boolean()) throw InputError(fmt::format("\"{}\" must be true or false", name));
  flag = value->get<bool>();
}

void read(const json& object, const char* name, double& number, double high) {
  const json* value = field(object, name);
  if (value == nullptr) return;
  if (!value->is_number() || !(value->get<double>() >= 0) || value->get<double>() > high)
    throw InputError(fmt::format("\"{}\" must be a number from 0 to {}", name, high));
  number = value->get<double>();
}

void read(const json& object, const char* name, std::vector<std::string>& texts) {
  const json* value = field(object, name);
  if (value == nullptr) return;
  if (!value->is_array()) throw InputError(fmt::format("\"{}\" must be a list of texts", name));
  for (const json& item : *value) {
    if (!item.is_string()) throw InputError(fmt::format("\"{}\" must be a list of texts", name));
    texts.push_back(item.get<std::string>());
  }
}

/// `NAME` as JSON, or `NAME_typed` in the text of value.hpp, which JSON cannot say everything of.
std::optional<Value> value_field(const json& test, const std::string& name) {
  if (test.contains(name)) return value_of(test[name]);
  std::string typed;
  read(test, (name + "_typed").c_str(), typed);
  if (typed.empty()) return std::nullopt;
  auto value = parse_value(typed, kTypedLimits);
  if (!value) throw InputError(fmt::format("\"{}_typed\" is no value", name));
  return value;
}

Value expected_of(const json& test) {
  auto value = value_field(test, "expected");
  if (!value) throw InputError("\"expected\" is missing");
  return *value;
}

CodeTest test_of(const json& test) {
  CodeTest t;
  if (!test.is_object()) throw InputError("must be an object");
  if (test.contains("output")) {
    t.kind = CodeTest::Kind::kStdio;
    read(test, "input", t.input);
    read(test, "output", t.expected_output);
  } else if (auto arguments = value_field(test, "args")) {
    t.kind = CodeTest::Kind::kCall;
    if (arguments->type != Value::Type::kList && arguments->type != Value::Type::kTuple)
      throw InputError("\"args\" must be a list");
    t.arguments = std::move(arguments->items);
    t.expected = expected_of(test);
    read(test, "function", t.function);
  } else if (test.contains("expression")) {
    t.kind = CodeTest::Kind::kExpression;
    read(test, "expression", t.source);
    t.expected = expected_of(test);
  } else if (test.contains("assert")) {
    t.kind = CodeTest::Kind::kAssert;
    read(test, "assert", t.source);
    read(test, "functions", t.functions);
  } else if (test.contains("checker")) {
    t.kind = CodeTest::Kind::kChecker;
    read(test, "checker", t.source);
    read(test, "function", t.function);
  } else {
    throw InputError(
        "needs \"output\" (with \"input\"), \"args\" or \"expression\" (with \"expected\"), "
        "\"assert\" or \"checker\"");
  }
  return t;
}

void check(const CodeTask& task) {
  for (size_t i = 0; i < task.tests.size(); ++i) {
    const CodeTest& t = task.tests[i];
    const bool is_call = t.kind == CodeTest::Kind::kCall || t.kind == CodeTest::Kind::kChecker;
    if (t.kind != CodeTest::Kind::kStdio && task.language != Language::kPython)
      throw InputError(fmt::format("\"tests\"[{}]: only \"output\" tests can be run in {}", i,
                                   name(task.language)));
    if (t.kind == CodeTest::Kind::kCall && task.entry.empty() && t.function.empty())
      throw InputError(fmt::format("\"tests\"[{}]: \"entry\" must name the function to call", i));
    if (t.kind == CodeTest::Kind::kChecker && (task.entry.empty() || t.function.empty()))
      throw InputError(fmt::format(
          "\"tests\"[{}]: \"entry\" names the program's function, \"function\" the checker's", i));
    if (!is_call && t.kind != CodeTest::Kind::kStdio && t.source.empty())
      throw InputError(fmt::format("\"tests\"[{}] is empty", i));
  }
}

json test_json(const CodeTest& t) {
  switch (t.kind) {
    case CodeTest::Kind::kStdio:
      return {{"input", t.input}, {"output", t.expected_output}};
    case CodeTest::Kind::kCall: {
      json test{{"args_typed", to_text(Value::list(t.arguments))},
                {"expected_typed", to_text(t.expected)}};
      if (!t.function.empty()) test["function"] = t.function;
      return test;
    }
    case CodeTest::Kind::kExpression:
      return {{"expression", t.source}, {"expected_typed", to_text(t.expected)}};
    case CodeTest::Kind::kAssert:
      return {{"assert", t.source}, {"functions", t.functions}};
    case CodeTest::Kind::kChecker:
      break;
  }
  return {{"checker", t.source}, {"function", t.function}};
}

}  // namespace

CodeTask code_task_of(const json& row) {
  CodeTask task;
  std::string language = "python";
  read(row, "language", language);
  const auto known = language_of(language);
  if (!known)
    throw InputError(
        fmt::format("\"language\" is {}; there are python, cpp and c", json(language).dump()));
  task.language = *known;
  read(row, "preamble", task.preamble);
  read(row, "setup", task.setup);
  read(row, "entry", task.entry);
  read(row, "prefix", task.prefix);
  read(row, "answer_type", task.answer_type);
  read(row, "ignore_case", task.output.ignore_case);
  read(row, "exact_blanks", task.output.exact_blanks);
  read(row, "absolute_tolerance", task.output.absolute_tolerance, 1e9);
  read(row, "relative_tolerance", task.output.relative_tolerance, 1e9);
  read(row, "exact_types", task.value.exact_types);
  read(row, "float_tolerance", task.value.float_tolerance, 1e9);
  constexpr double kSecondsMax = 3600, kMegabytesMax = 1 << 16;
  read(row, "cpu_s", task.cpu_s, kSecondsMax);
  read(row, "wall_s", task.wall_s, kSecondsMax);
  read(row, "wait_s", task.wait_s, kSecondsMax);
  double megabytes = 0;
  read(row, "memory_mb", megabytes, kMegabytesMax);
  task.memory_bytes = static_cast<uint64_t>(megabytes * (1 << 20));
  const json* tests = field(row, "tests");
  if (tests == nullptr || !tests->is_array() || tests->empty() || tests->size() > kTestsMax)
    throw InputError(fmt::format("\"tests\" must be a list of 1 to {} tests", kTestsMax));
  for (size_t i = 0; i < tests->size(); ++i) {
    try {
      task.tests.push_back(test_of((*tests)[i]));
    } catch (const InputError& error) {
      throw InputError(fmt::format("\"tests\"[{}]: {}", i, error.what()));
    }
  }
  check(task);
  return task;
}

json to_json(const CodeTask& task) {
  json row{{"language", name(task.language)}, {"tests", json::array()}};
  const auto add = [&row](const char* key, const auto& value, const auto& unless) {
    if (value != unless) row[key] = value;
  };
  add("preamble", task.preamble, "");
  add("setup", task.setup, "");
  add("entry", task.entry, "");
  add("prefix", task.prefix, "");
  add("answer_type", task.answer_type, "");
  add("ignore_case", task.output.ignore_case, false);
  add("exact_blanks", task.output.exact_blanks, false);
  add("absolute_tolerance", task.output.absolute_tolerance, 0.0);
  add("relative_tolerance", task.output.relative_tolerance, 0.0);
  add("exact_types", task.value.exact_types, true);
  add("float_tolerance", task.value.float_tolerance, 0.0);
  add("cpu_s", task.cpu_s, 0.0);
  add("wall_s", task.wall_s, 0.0);
  add("wait_s", task.wait_s, 0.0);
  add("memory_mb", static_cast<double>(task.memory_bytes) / (1 << 20), 0.0);
  for (const CodeTest& test : task.tests) row["tests"].push_back(test_json(test));
  return row;
}

}  // namespace thespis::tasks
