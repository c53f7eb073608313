// The grader on the real sandbox: honest answers pass, each kind of failing has its word, and what
// fools other graders does not fool this one. The programs that try are written here, each after a
// known hack; the large set is judged by tests/processes/judge.sh. Skipped where this machine
// cannot wall programs in.

#include "tasks/code/grader.hpp"

#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

#include "runtime/base/error.hpp"
#include "tasks/code/harness.hpp"

namespace thespis::tasks {
namespace {

class Bench {
 public:
  Bench() {
    sandbox::Options options;
    options.jobs_at_once = 2;
    options.python_modules = harness_modules();
    try {
      sandbox_ = std::make_unique<sandbox::Sandbox>(std::move(options));
    } catch (const InputError& error) {
      SKIP("no sandbox here: " << error.what());
    }
    rules.cpu_s = 1;
    rules.wall_s = 5;
    rules.memory_bytes = 256 << 20;
  }

  CodeReport judge(const char* row, const std::string& program) {
    const auto task = std::make_shared<const CodeTask>(code_task_of(nlohmann::json::parse(row)));
    std::optional<CodeReport> report;
    grade(*sandbox_, task, program, rules, [&](CodeReport r) { report = std::move(r); });
    while (!report) sandbox_->poll(-1);
    CAPTURE(report->detail);
    CHECK(sandbox_->pending() == 0);
    return *report;
  }
  CodeReport judge_completion(const char* row, const std::string& text) {
    const auto task = std::make_shared<const CodeTask>(code_task_of(nlohmann::json::parse(row)));
    std::optional<CodeReport> report;
    grade_completion(*sandbox_, task, text, rules, [&](CodeReport r) { report = std::move(r); });
    while (!report) sandbox_->poll(-1);
    return *report;
  }
  /// Judges and stops at once; true where nothing is known of the program.
  bool stopped(const char* row, const std::string& program) {
    const auto task = std::make_shared<const CodeTask>(code_task_of(nlohmann::json::parse(row)));
    std::optional<CodeReport> report;
    const auto stop =
        grade(*sandbox_, task, program, rules, [&](CodeReport r) { report = std::move(r); });
    sandbox_->poll(0);
    stop();
    while (!report) sandbox_->poll(-1);
    stop();
    return report->verdict == CodeVerdict::kInfrastructure && sandbox_->pending() == 0;
  }
  CodeVerdict verdict(const char* row, const std::string& program) {
    return judge(row, program).verdict;
  }

  GradeRules rules;

 private:
  std::unique_ptr<sandbox::Sandbox> sandbox_;
};

constexpr const char* kAdd = R"({"entry":"add","tests":[{"args":[1,2],"expected":3},
  {"args":[5,7],"expected":12},{"args":[40,2],"expected":42}]})";
constexpr const char* kSum = R"({"language":"python","tests":[{"input":"1 2\n","output":"3\n"},
  {"input":"5 7\n","output":"12\n"}]})";
constexpr const char* kAsserts = R"({"entry":"f","prefix":"import math","tests":[
  {"assert":"assert abs(f(0.5) - math.pi) < 1e-6","functions":["f"]},
  {"assert":"x = [3, 1]\nf(x)\nassert x == [1, 3]","functions":["f"]}]})";
constexpr const char* kPuzzle = R"({"entry":"sol","answer_type":"List[int]","preamble":
  "from typing import *","tests":[{"function":"sat","checker":
  "def sat(x: List[int]):\n    return len(x) == 3 and sum(x) == 6"}]})";

}  // namespace

TEST_CASE("grader: honest answers pass") {
  Bench bench;
  CHECK(bench.verdict(kAdd, "def add(a, b):\n    return a + b") == CodeVerdict::kPassed);
  CHECK(bench.verdict(kAdd,
                      "class Solution:\n    def add(self, a, b):\n        print(a)\n"
                      "        return a + b") == CodeVerdict::kPassed);
  CHECK(bench.verdict(kSum, "print(sum(map(int, input().split())))") == CodeVerdict::kPassed);
  CHECK(bench.verdict(kPuzzle, "def sol():\n    return [1, 2, 3]") == CodeVerdict::kPassed);
  CHECK(bench.verdict(kAsserts,
                      "def f(x):\n    if type(x) is list:\n        x.sort()\n"
                      "    else:\n        return 3.14159265") == CodeVerdict::kPassed);
}

TEST_CASE("grader: C++ and C are compiled once and run") {
  Bench bench;
  constexpr const char* kCpp = R"({"language":"cpp","tests":[{"input":"1 2\n","output":"3\n"},
    {"input":"5 7\n","output":"12\n"}]})";
  CHECK(bench.verdict(kCpp,
                      "#include <iostream>\nint main() { int a, b; std::cin >> a >> b; "
                      "std::cout << a + b; }") == CodeVerdict::kPassed);
  CHECK(bench.verdict(kCpp, "int main() { return 0; }") == CodeVerdict::kWrong);
  CHECK(bench.verdict(kCpp, "int main() { return x; }") == CodeVerdict::kCompileError);
  constexpr const char* kC = R"({"language":"c","tests":[{"input":"","output":"3\n"}]})";
  CHECK(bench.verdict(kC, "#include <stdio.h>\nint main(void) { puts(\"3\"); return 0; }") ==
        CodeVerdict::kPassed);
}

TEST_CASE("grader: each failing has its word") {
  Bench bench;
  CHECK(bench.verdict(kAdd, "def add(a, b):\n    return a - b") == CodeVerdict::kWrong);
  CHECK(bench.verdict(kAdd, "def add(a, b):\n    return float(a + b)") == CodeVerdict::kWrong);
  CHECK(bench.verdict(kAdd, "def add(a, b): raise ValueError('no')") == CodeVerdict::kRuntimeError);
  CHECK(bench.verdict(kAdd, "def plus(a, b): return a + b") == CodeVerdict::kRuntimeError);
  CHECK(bench.verdict(kAdd, "syntax error") == CodeVerdict::kRuntimeError);
  CHECK(bench.verdict(kAdd, "def add(a, b):\n    while True: pass") == CodeVerdict::kTime);
  CHECK(
      bench.verdict(kAdd, "def add(a, b):\n    x = []\n    while True: x.append(bytes(1 << 20))") ==
      CodeVerdict::kMemory);
  CHECK(bench.verdict(kSum, "while True: print('x' * 1000)") == CodeVerdict::kOutput);
  CHECK(bench.verdict(kAsserts, "def f(x): return 3") == CodeVerdict::kWrong);
  CHECK(bench.verdict(kAsserts, "def f(x): return 1 / 0") == CodeVerdict::kRuntimeError);
  CHECK(bench.verdict(kAsserts, "def f(x):\n    while True: pass") == CodeVerdict::kTime);
  CHECK(bench.verdict(kPuzzle, "def sol(): return [1, 2, 4]") == CodeVerdict::kWrong);
  CHECK(bench.verdict(kPuzzle, "def sol(): return (1, 2, 3)") == CodeVerdict::kWrong);
  CHECK(bench.verdict(kPuzzle, "def sol(): return [1, 2, 3.0]") == CodeVerdict::kWrong);
}

TEST_CASE("grader: what fools others is not accepted") {
  Bench bench;
  const std::string everything =
      "class Y(int):\n    def __eq__(s, o): return True\n    __ne__ = __lt__ = __gt__ = __eq__\n"
      "    def __sub__(s, o): return 0\n    __hash__ = int.__hash__\n"
      "class L(list):\n    def __eq__(s, o): return True\n    def __len__(s): return 3\n";
  for (const std::string body :
       {"return Y(0)", "return L()", "import os; os._exit(0)", "raise SystemExit(0)",
        "import sys; sys.exit(0)", "import os; os.execv('/bin/true', ['true'])", "return None",
        "import os; os.write(3, b't'); os._exit(0)", "import os; os.write(3, b'i3;'); return 3",
        "import os; os.write(3, b'i3;i12;i42;'); os._exit(0)",
        "import thespis_call as c; c.encode = lambda v, n: b'i3;'; return 0",
        "print('PASSED'); print('1 passed'); return float('nan')"}) {
    CAPTURE(body);
    const std::string indented = "    " + body + "\n";
    CHECK(bench.verdict(kAdd, everything + "def add(a, b):\n" + indented) != CodeVerdict::kPassed);
    CHECK(bench.verdict(kAsserts, everything + "def f(x):\n" + indented) != CodeVerdict::kPassed);
    CHECK(bench.verdict(kPuzzle, everything + "def sol():\n" + indented) != CodeVerdict::kPassed);
  }
  // The tester's pipe: a forged answer is a value at most, here the wrong one.
  CHECK(bench.verdict(kAsserts, "import os\nos.write(5, b'7\\nu3:tnnn')\ndef f(x): return 0") !=
        CodeVerdict::kPassed);
  CHECK(bench.verdict(kAsserts, "import os\nos.close(5)\ndef f(x): return 0") !=
        CodeVerdict::kPassed);
  CHECK(bench.verdict(kSum, "print(3)") == CodeVerdict::kWrong);
  CHECK(bench.verdict(kSum, "import sys\nprint(sum(map(int, input().split())))\nsys.exit(1)") ==
        CodeVerdict::kRuntimeError);
}

TEST_CASE("grader: credit, and where it stops") {
  Bench bench;
  const std::string first_only = "def add(a, b):\n    return 3";
  const std::string last_only = "def add(a, b):\n    return 42";
  auto report = bench.judge(kAdd, first_only);
  CHECK(report.credit == 0);
  CHECK(report.passed == 1);
  CHECK(report.detail == "test 2 of 3: add(5, 7) gives 3, not 12");
  bench.rules.partial_credit = true;
  CHECK(bench.judge(kAdd, last_only).credit == 0);
  bench.rules.stop_at_failure = false;
  report = bench.judge(kAdd, last_only);
  CHECK(report.verdict == CodeVerdict::kWrong);
  CHECK(report.reports.size() == 3);
  CHECK(report.credit == 1.0 / 3);
  for (const uint32_t calls : {1u, 2u, 8u}) {
    bench.rules.calls_per_process = calls;
    CAPTURE(calls);
    CHECK(bench.judge(kAdd, first_only).credit == 1.0 / 3);
    CHECK(bench.judge(kAdd, "def add(a, b):\n    assert a < 40\n    return a + b").credit ==
          2.0 / 3);
    CHECK(bench.judge(kAdd, "def add(a, b): return a + b").credit == 1);
    CHECK(bench
              .judge(kAdd,
                     "import atexit, os\natexit.register(lambda: os._exit(1))\n"
                     "def add(a, b): return a + b")
              .credit < 1);
  }
}

TEST_CASE("grader: what runs of later tests is killed at the first failure") {
  Bench bench;
  bench.rules.wall_s = 3600;
  // Two at a time: the second test would sleep for an hour.
  const auto report = bench.judge(kAdd,
                                  "import time\ndef add(a, b):\n    if a > 1: time.sleep(3600)\n"
                                  "    return 0");
  CHECK(report.detail == "test 1 of 3: add(1, 2) gives 0, not 3");
  CHECK(report.reports.size() == 1);
  // Earlier tests go on: the verdict is theirs, whatever order they end in.
  for (const uint32_t parallel : {1u, 3u}) {
    bench.rules.parallel_tests = parallel;
    const auto first = bench.judge(kAdd,
                                   "import time\ndef add(a, b):\n    if a == 1: time.sleep(0.3)\n"
                                   "    return 0");
    CHECK(first.detail == "test 1 of 3: add(1, 2) gives 0, not 3");
  }
}

TEST_CASE("grader: a judgement that is stopped kills what runs, and says so") {
  Bench bench;
  bench.rules.wall_s = 3600;
  for (const char* row : {kAdd, kAsserts, kPuzzle})
    CHECK(bench.stopped(row, "import time\ntime.sleep(3600)"));
}

TEST_CASE("grader: a completion without a program is wrong, and nothing runs") {
  Bench bench;
  const CodeReport report = bench.judge_completion(kAdd, "<think>def add");
  CHECK(report.verdict == CodeVerdict::kWrong);
  CHECK(report.credit == 0);
  CHECK(report.reports.empty());
  CHECK(bench
            .judge_completion(kAdd,
                              "<think>x</think>\n```python\ndef add(a, b):\n"
                              "    return a + b\n```\n")
            .verdict == CodeVerdict::kPassed);
}

TEST_CASE("code task: a row says what is wrong with it") {
  const auto problem = [](const char* row) -> std::string {
    try {
      const CodeTask task = code_task_of(nlohmann::json::parse(row));
      const auto again = code_task_of(to_json(task));
      return to_json(again) == to_json(task) ? "none" : "changed";
    } catch (const InputError& error) {
      return error.what();
    }
  };
  for (const char* row : {kAdd, kSum, kAsserts, kPuzzle}) CHECK(problem(row) == "none");
  CHECK(problem("{}") == "\"tests\" must be a list of 1 to 1024 tests");
  CHECK(problem(R"({"language":"cobol","tests":[]})") ==
        "\"language\" is \"cobol\"; there are python, cpp and c");
  CHECK(problem(R"({"tests":[{"args":[1],"expected":2}]})") ==
        "\"tests\"[0]: \"entry\" must name the function to call");
  CHECK(problem(R"({"entry":"f","tests":[{"args":[1]}]})") ==
        "\"tests\"[0]: \"expected\" is missing");
  CHECK(problem(R"({"language":"c","entry":"f","tests":[{"args":[1],"expected":1}]})") ==
        "\"tests\"[0]: only \"output\" tests can be run in c");
  CHECK(problem(R"({"entry":"f","tests":[{"args_typed":"l1:","expected":1}]})") ==
        "\"tests\"[0]: \"args_typed\" is no value");
}

}  // namespace thespis::tasks
