// Goal: each published layout becomes rows that can be trained on: they are read again by the data
// set, the known solution passes them and the known wrong one does not. Method: a small row of each
// layout written here, through the whole way on the real sandbox.

#include "tasks/code/data_file.hpp"

#include <catch2/catch_test_macros.hpp>

#include <fstream>
#include <nlohmann/json.hpp>

#include "runtime/base/error.hpp"
#include "tasks/code/grader.hpp"
#include "tasks/code/harness.hpp"
#include "tasks/data/data_set.hpp"
#include "tests/support/temporary_directory.hpp"

namespace thespis::tasks {
namespace {

std::unique_ptr<sandbox::Sandbox> start() {
  sandbox::Options options;
  options.jobs_at_once = 2;
  options.python_modules = harness_modules();
  try {
    return std::make_unique<sandbox::Sandbox>(std::move(options));
  } catch (const InputError& error) {
    SKIP("no sandbox here: " << error.what());
  }
  return nullptr;
}

CodeVerdict verdict(sandbox::Sandbox& box, const std::string& row, const std::string& program) {
  const auto task = std::make_shared<const CodeTask>(code_task_of(nlohmann::json::parse(row)));
  std::optional<CodeReport> report;
  grade(box, task, program, {}, [&](CodeReport r) { report = std::move(r); });
  while (!report) box.poll(-1);
  INFO(report->detail);
  return report->verdict;
}

/// Reads `text`, writes its rows, reads those as a recipe does, and judges all cases by them.
void check(CodeData data, const std::string& text, const std::string& asked) {
  const auto box = start();
  const auto cases = read_code_data(data, text, "rows", *box);
  const test::TemporaryDirectory directory;
  config::DataSection section;
  section.source = config::DataSource::kJsonl;
  section.kind = config::RowKind::kCode;
  section.prompt_template = config::PromptTemplate::kPlain;
  section.test_files = {directory.path() + "/rows.jsonl"};
  {
    std::ofstream file(section.test_files[0]);
    for (const CodeCase& each : cases)
      if (!each.question.empty()) file << training_row(each).dump() << '\n';
  }
  const auto tasks = make_data_set(section, 1, Split::kTest);
  REQUIRE(tasks->size() == 1);
  const Task task = tasks->at(0);
  CHECK(task.kind == kCodeKind);
  CHECK(task.prompt.find(asked) != std::string::npos);
  CHECK(cases.size() == 2);
  for (const CodeCase& each : cases) {
    CAPTURE(each.program);
    CHECK((verdict(*box, task.row, each.program) == CodeVerdict::kPassed) ==
          (each.known == CodeCase::Known::kReference));
  }
}

}  // namespace

TEST_CASE("code data: rows of each published layout can be trained on") {
  check(CodeData::kHumanEval,
        R"({"task_id":"T/0","prompt":"def twice(x):\n    \"\"\"2 x\"\"\"\n","entry_point":"twice",)"
        R"("canonical_solution":"    return 2 * x\n",)"
        R"("test":"def check(candidate):\n    assert candidate(2) == 4\n"})"
        "\n",
        "def twice(x):");
  check(CodeData::kMbpp,
        R"({"text":"Write a function to add.","code":"def add(a, b): return a + b","task_id":1,)"
        R"("test_setup_code":"","test_list":["assert add(1, 2) == 3","assert add(2, 2) == 4"]})",
        "to add. It must pass this test:\nassert add(1, 2) == 3");
  check(CodeData::kP3,
        R"({"name":"P:0","ans_type":"int","sat":"def sat(x: int):\n    return x * x == 49",)"
        R"("sol_header":"def sol():","solution":"    return 7"})",
        "return x * x == 49");
  check(CodeData::kStdio,
        R"-({"id":"p","statement":{"sv":"Summa.","en":"Sum."},"validator_flags":"",)-"
        R"-("tests":[{"name":"1","input":"1 2\n","output":"3\n"}],"submissions":[)-"
        R"-({"file":"a.py","language":"python","category":"accepted",)-"
        R"-("code":"print(sum(map(int, input().split())))","passes_all_given_tests":true},)-"
        R"-({"file":"b.py","language":"python","category":"wrong_answer","code":"print(4)",)-"
        R"-("observed":{"verdicts":["WA"]},"passes_all_given_tests":false}]})-",
        "program in python that reads standard input.\nSum.");
}

TEST_CASE("code data: a row that cannot be trained on is named") {
  const test::TemporaryDirectory directory;
  config::DataSection section;
  section.source = config::DataSource::kJsonl;
  section.kind = config::RowKind::kCode;
  section.test_files = {directory.path() + "/rows.jsonl"};
  const auto refusal = [&](const std::string& row) -> std::string {
    std::ofstream(section.test_files[0]) << row << '\n';
    try {
      make_data_set(section, 1, Split::kTest);
    } catch (const InputError& error) {
      return std::string(error.what()).substr(section.test_files[0].size());
    }
    return "none";
  };
  CHECK(refusal(R"({"tests":[]})") == ":1: no \"prompt\"; data.prompt_key names the field");
  CHECK(refusal(R"({"prompt":"p"})") == ":1: \"tests\" must be a list of 1 to 1024 tests");
  CHECK(refusal(R"({"prompt":"p","entry":"f","tests":[{"args":[1],"expected":2}]})") == "none");
}

}  // namespace thespis::tasks
