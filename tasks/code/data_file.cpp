#include "tasks/code/data_file.hpp"

#include <algorithm>
#include <functional>
#include <set>
#include <sstream>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "runtime/base/error.hpp"
#include "tasks/code/prepare.hpp"

namespace thespis::tasks {
namespace {

using nlohmann::json;
using Known = CodeCase::Known;

/// A row's text field that must be there.
std::string text_of(const json& row, const char* name) {
  const auto it = row.find(name);
  if (it == row.end() || !it->is_string())
    throw InputError(fmt::format("\"{}\" must be there and a text", name));
  return it->get<std::string>();
}

const json& list_of(const json& row, const char* name) {
  const auto it = row.find(name);
  if (it == row.end() || !it->is_array())
    throw InputError(fmt::format("\"{}\" must be there and a list", name));
  return *it;
}

/// What a row becomes before its asserts are prepared.
struct Draft {
  CodeTask task;
  std::vector<CodeCase> cases;  ///< Without their task.
  Asserts asserts;              ///< Empty: the task has its tests.
};

Draft humaneval_row(const json& row) {
  const std::string prompt = text_of(row, "prompt"), entry = text_of(row, "entry_point");
  const std::string id = text_of(row, "task_id");
  Draft draft;
  draft.task.entry = entry;
  draft.task.prefix = prompt;
  draft.task.value.exact_types = false;
  draft.asserts.check = text_of(row, "test");
  draft.asserts.function = entry;
  draft.cases.push_back({id,
                         nullptr,
                         prompt + text_of(row, "canonical_solution"),
                         {},
                         {},
                         "Complete this Python function; answer with all of it.\n" + prompt});
  draft.cases.push_back({id, nullptr, prompt + "    pass\n", Known::kWrong, "stub", {}});
  return draft;
}

Draft mbpp_row(const json& row) {
  Draft draft;
  draft.task.setup = row.value("test_setup_code", std::string());
  draft.task.value.exact_types = false;
  for (const char* list : {"test_list", "challenge_test_list"})
    for (const json& line : row.contains(list) ? list_of(row, list) : json::array()) {
      if (!line.is_string()) throw InputError(fmt::format("\"{}\" must hold texts", list));
      draft.asserts.lines.push_back(line.get<std::string>());
    }
  if (draft.asserts.lines.empty()) throw InputError("\"test_list\" must hold a test");
  const std::string id = fmt::format("mbpp/{}", row.value("task_id", json()).dump());
  // The first test shows the function's name; the others stay hidden.
  std::string question =
      row.value("text", std::string()) + " It must pass this test:\n" + draft.asserts.lines[0];
  draft.cases.push_back({id, nullptr, text_of(row, "code"), {}, {}, std::move(question)});
  return draft;
}

Draft p3_row(const json& row) {
  Draft draft;
  const std::string header = text_of(row, "sol_header");
  draft.task.preamble = "from typing import *";
  draft.task.entry = "sol";
  draft.task.answer_type = row.value("ans_type", std::string());
  CodeTest test;
  test.kind = CodeTest::Kind::kChecker;
  test.function = "sat";
  test.source = text_of(row, "sat");
  draft.task.tests.push_back(std::move(test));
  const std::string id = text_of(row, "name");
  draft.cases.push_back({id,
                         nullptr,
                         header + "\n" + text_of(row, "solution"),
                         {},
                         {},
                         "Write a Python function `" + header +
                             "` whose result makes this function return True.\n" +
                             draft.task.tests[0].source});
  draft.cases.push_back({id, nullptr, header + "\n    pass\n", Known::kWrong, "stub", {}});
  return draft;
}

/// Kattis' flags for its default validator.
OutputRule output_rule(const std::string& flags) {
  OutputRule rule;
  rule.ignore_case = true;
  std::istringstream words(flags);
  for (std::string word; words >> word;) {
    double tolerance = 0;
    if (word == "case_sensitive") {
      rule.ignore_case = false;
    } else if (word == "space_change_sensitive") {
      rule.exact_blanks = true;
    } else if (word.starts_with("float_") && words >> tolerance) {
      if (word != "float_relative_tolerance") rule.absolute_tolerance = tolerance;
      if (word != "float_absolute_tolerance") rule.relative_tolerance = tolerance;
    } else {
      throw InputError(fmt::format("validator_flags: \"{}\" is not one of Kattis' flags", word));
    }
  }
  return rule;
}

/// Passing depends on the machine where something was over its time, or where a program that passed
/// is said to be bad (one that needs more memory than some limit).
Known known_of(const json& submission) {
  const bool passes = submission.value("passes_all_given_tests", false);
  const std::string category = submission.value("category", std::string());
  if (passes) {
    const bool is_good = category == "accepted" || category == "partially_accepted";
    return is_good ? Known::kReference : Known::kUncertain;
  }
  const auto observed = submission.value("observed", json::object());
  for (const json& verdict : observed.value("verdicts", json::array()))
    if (verdict == "WA" || verdict == "RTE") return Known::kWrong;
  return Known::kUncertain;
}

/// English where there is both.
std::string statement_of(const json& row, Language language) {
  const json statement = row.value("statement", json::object());
  for (const char* tongue : {"en", "sv"}) {
    const auto text = statement.find(tongue);
    if (text != statement.end() && text->is_string())
      return fmt::format("Solve this with a program in {} that reads standard input.\n{}",
                         name(language), text->get<std::string>());
  }
  return {};
}

std::vector<Draft> stdio_row(const json& row) {
  const std::string id = text_of(row, "id");
  CodeTask task;
  task.output = output_rule(row.value("validator_flags", std::string()));
  for (const json& line : list_of(row, "tests")) {
    CodeTest test;
    test.input = text_of(line, "input");
    test.expected_output = text_of(line, "output");
    task.tests.push_back(std::move(test));
  }
  std::vector<Draft> drafts;
  for (const json& submission : list_of(row, "submissions")) {
    Draft draft;
    draft.task = task;
    const std::string language = text_of(submission, "language");
    const auto known = language_of(language);
    if (!known) throw InputError(fmt::format("\"language\" is \"{}\"", language));
    draft.task.language = *known;
    const auto observed = submission.value("observed", json::object());
    draft.cases.push_back({id + " " + text_of(submission, "file"), nullptr,
                           text_of(submission, "code"), known_of(submission),
                           submission.value("category", std::string()) + " " +
                               observed.value("verdicts", json::array()).dump(),
                           drafts.empty() ? statement_of(row, *known) : std::string()});
    drafts.push_back(std::move(draft));
  }
  return drafts;
}

std::vector<Draft> drafts_of(CodeData data, const json& row) {
  switch (data) {
    case CodeData::kHumanEval:
      return {humaneval_row(row)};
    case CodeData::kMbpp:
      return {mbpp_row(row)};
    case CodeData::kP3:
      return {p3_row(row)};
    case CodeData::kStdio:
      break;
  }
  return stdio_row(row);
}

/// A program that defines what an MBPP row's tests call, and does nothing.
std::string stub_of(const std::vector<CodeTest>& tests) {
  std::set<std::string> names;
  for (const CodeTest& test : tests) {
    if (!test.function.empty()) names.insert(test.function);
    names.insert(test.functions.begin(), test.functions.end());
  }
  std::string stub;
  for (const std::string& name : names)
    stub += fmt::format("def {}(*arguments):\n    pass\n", name);
  return stub;
}

}  // namespace

CodeData code_data_of(const std::string& name) {
  if (name == "humaneval") return CodeData::kHumanEval;
  if (name == "mbpp") return CodeData::kMbpp;
  if (name == "p3") return CodeData::kP3;
  if (name == "stdio") return CodeData::kStdio;
  throw InputError("--dataset: '" + name + "' is not known; there are humaneval, mbpp, p3, stdio");
}

json training_row(const CodeCase& known) {
  json row = to_json(*known.task);
  row["id"] = known.id;
  row["prompt"] = known.question;
  return row;
}

std::vector<CodeCase> read_code_data(CodeData data, std::string_view text,
                                     const std::string& source, sandbox::Sandbox& sandbox) {
  std::vector<Draft> drafts;
  for (uint64_t line_number = 1; !text.empty(); ++line_number) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (line.find_first_not_of(" \t\r") == line.npos) continue;
    try {
      const json row = json::parse(line, nullptr, /*allow_exceptions=*/false);
      if (!row.is_object()) throw InputError("not a JSON object");
      for (Draft& draft : drafts_of(data, row)) drafts.push_back(std::move(draft));
    } catch (const InputError& error) {
      throw InputError(fmt::format("{}:{}: {}", source, line_number, error.what()));
    } catch (const json::exception& error) {
      throw InputError(fmt::format("{}:{}: a field is of the wrong type: {}", source, line_number,
                                   error.what()));
    }
  }
  if (drafts.empty()) throw InputError(source + ": holds no task");
  const bool has_asserts = data == CodeData::kHumanEval || data == CodeData::kMbpp;
  if (has_asserts) {
    std::vector<Asserts> asserts;
    for (const Draft& draft : drafts) asserts.push_back(draft.asserts);
    auto prepared = prepare_asserts(asserts, sandbox);
    for (size_t i = 0; i < drafts.size(); ++i) {
      drafts[i].task.tests = std::move(prepared[i]);
      if (data == CodeData::kMbpp && !drafts[i].task.tests.empty())
        drafts[i].cases.push_back({drafts[i].cases[0].id,
                                   nullptr,
                                   stub_of(drafts[i].task.tests),
                                   Known::kWrong,
                                   "stub",
                                   {}});
    }
  }
  std::vector<CodeCase> cases;
  for (Draft& draft : drafts) {
    if (draft.task.tests.empty()) throw InputError(draft.cases[0].id + ": its tests test nothing");
    const auto task = std::make_shared<const CodeTask>(std::move(draft.task));
    for (CodeCase& each : draft.cases) {
      each.task = task;
      cases.push_back(std::move(each));
    }
  }
  return cases;
}

}  // namespace thespis::tasks
