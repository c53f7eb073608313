// `thespis judge`: one answer by hand, or all reference solutions of a published set.

#include <cstdio>
#include <nlohmann/json.hpp>
#include <span>

#include "app/verbs.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/file.hpp"
#include "runtime/base/zstd.hpp"
#include "runtime/env/file_system.hpp"
#include "tasks/code/code_task.hpp"
#include "tasks/code/data_file.hpp"
#include "tasks/code/escape.hpp"
#include "tasks/code/grader.hpp"
#include "tasks/code/harness.hpp"

namespace thespis::app {
namespace {

using nlohmann::ordered_json;
using tasks::CodeReport;
using tasks::CodeVerdict;

constexpr uint64_t kFileBytesMax = 1 << 30;

sandbox::Options sandbox_options(const JudgeArguments& arguments) {
  sandbox::Options options;
  options.jobs_at_once = std::max(2u, arguments.jobs);
  options.allow_weaker = arguments.allow_weaker;
  options.python_modules = tasks::harness_modules();
  return options;
}

int judge_one(const JudgeArguments& arguments) {
  const std::string row = read_file(arguments.task, kFileBytesMax);
  const auto json = nlohmann::json::parse(row, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) throw InputError(arguments.task + ": not a JSON object");
  std::shared_ptr<const tasks::CodeTask> task;
  try {
    task = std::make_shared<const tasks::CodeTask>(tasks::code_task_of(json));
  } catch (const InputError& error) {
    throw InputError(arguments.task + ": " + error.what());
  }
  const std::string answer = read_file(arguments.answer, kFileBytesMax);
  sandbox::Sandbox sandbox(sandbox_options(arguments));
  tasks::GradeRules rules;
  rules.stop_at_failure = false;
  std::optional<CodeReport> report;
  const auto done = [&](CodeReport r) { report = std::move(r); };
  // A file that is a program is judged as one; all else as a model's answer.
  grade_completion(sandbox, task, answer, rules, done);
  while (!report) sandbox.poll(-1);
  if (arguments.json) {
    ordered_json out{{"verdict", name(report->verdict)},
                     {"tests", report->tests},
                     {"passed", report->passed},
                     {"cpu_s", report->cpu_s},
                     {"detail", tasks::escaped(report->detail)}};
    for (const auto& test : report->reports)
      out["reports"].push_back({{"verdict", name(test.verdict)},
                                {"detail", tasks::escaped(test.detail)},
                                {"cpu_s", test.cpu_s},
                                {"wall_s", test.wall_s}});
    std::printf("%s\n", out.dump(2).c_str());
  } else {
    std::printf("%s: %lu of %lu tests passed, %.3f s of processor time\n",
                std::string(name(report->verdict)).c_str(),
                static_cast<unsigned long>(report->passed),
                static_cast<unsigned long>(report->tests), report->cpu_s);
    if (report->reports.empty() && !report->detail.empty())
      std::printf("%s\n", tasks::escaped(report->detail).c_str());
    for (size_t i = 0; i < report->reports.size(); ++i) {
      const auto& test = report->reports[i];
      std::printf("  test %zu: %s%s%s\n", i + 1, std::string(name(test.verdict)).c_str(),
                  test.detail.empty() ? "" : ": ",
                  tasks::escaped(test.detail, 1000, /*keep_lines=*/false).c_str());
    }
  }
  return report->verdict == CodeVerdict::kPassed ? 0 : 1;
}

/// Counts of one kind of case.
struct Tally {
  uint64_t judged = 0, passed = 0, failed = 0, infrastructure = 0;
  void add(CodeVerdict verdict) {
    ++judged;
    if (verdict == CodeVerdict::kPassed)
      ++passed;
    else if (verdict == CodeVerdict::kInfrastructure)
      ++infrastructure;
    else
      ++failed;
  }
};

ordered_json json_of(const Tally& tally) {
  return {{"judged", tally.judged},
          {"passed", tally.passed},
          {"failed", tally.failed},
          {"infrastructure", tally.infrastructure}};
}

void write_rows(const std::vector<tasks::CodeCase>& cases, const std::string& path) {
  std::string text;
  for (const tasks::CodeCase& each : cases)
    if (!each.question.empty()) text += training_row(each).dump() + '\n';
  env::RealFileSystem().replace(path, std::as_bytes(std::span(text)));
}

int judge_data(const JudgeArguments& arguments) {
  const auto data = tasks::code_data_of(arguments.data);
  const std::string text = read_packed_file(arguments.file, kFileBytesMax);
  sandbox::Sandbox sandbox(sandbox_options(arguments));
  const auto cases = read_code_data(data, text, arguments.file, sandbox);
  if (!arguments.rows.empty()) write_rows(cases, arguments.rows);
  tasks::GradeRules rules;
  rules.cpu_s = 15;  // Slow machines must not change what was recorded.
  rules.wall_s = 120;
  rules.memory_bytes = 2ULL << 30;
  Tally tallies[3];
  ordered_json unexpected = ordered_json::array();
  size_t next = 0, done = 0;
  const size_t at_once_max = 4 * size_t{sandbox.jobs_at_once()};
  while (done < cases.size()) {
    for (; next < cases.size() && next - done < at_once_max; ++next) {
      const tasks::CodeCase& each = cases[next];
      tasks::grade(sandbox, each.task, each.program, rules, [&](const CodeReport& report) {
        ++done;
        tallies[static_cast<size_t>(each.known)].add(report.verdict);
        const auto wanted = each.known == tasks::CodeCase::Known::kReference;
        const bool passed = report.verdict == CodeVerdict::kPassed;
        if (each.known == tasks::CodeCase::Known::kUncertain ||
            (report.verdict != CodeVerdict::kInfrastructure && passed == wanted))
          return;
        unexpected.push_back({{"id", each.id},
                              {"recorded", each.recorded},
                              {"verdict", name(report.verdict)},
                              {"detail", tasks::escaped(report.detail, 500, false)}});
      });
    }
    if (done < cases.size()) sandbox.poll(-1);
  }
  const Tally& references = tallies[0];
  if (arguments.json) {
    ordered_json out{{"total", references.judged},   {"passed", references.passed},
                     {"failed", references.failed},  {"infrastructure", references.infrastructure},
                     {"wrong", json_of(tallies[1])}, {"uncertain", json_of(tallies[2])},
                     {"unexpected", unexpected}};
    std::printf("%s\n", out.dump(2).c_str());
  } else {
    std::printf("%-22s %8s %8s %8s %15s\n", arguments.data.c_str(), "judged", "passed", "failed",
                "infrastructure");
    const char* names[] = {"reference solutions", "stubs, wrong answers", "machine-dependent"};
    for (size_t i = 0; i < std::size(tallies); ++i)
      std::printf("%-22s %8lu %8lu %8lu %15lu\n", names[i],
                  static_cast<unsigned long>(tallies[i].judged),
                  static_cast<unsigned long>(tallies[i].passed),
                  static_cast<unsigned long>(tallies[i].failed),
                  static_cast<unsigned long>(tallies[i].infrastructure));
    for (const auto& each : unexpected)
      std::printf("not as recorded: %s (%s): %s, %s\n", each["id"].get<std::string>().c_str(),
                  each["recorded"].get<std::string>().c_str(),
                  each["verdict"].get<std::string>().c_str(),
                  each["detail"].get<std::string>().c_str());
  }
  return unexpected.empty() ? 0 : 1;
}

}  // namespace

int run_judge(const JudgeArguments& arguments) {
  const bool one = !arguments.task.empty() || !arguments.answer.empty();
  const bool data = !arguments.data.empty();
  if (one == data || (one && (arguments.task.empty() || arguments.answer.empty())))
    throw InputError("judge: give --task FILE with --answer FILE, or --dataset KIND FILE");
  return one ? judge_one(arguments) : judge_data(arguments);
}

}  // namespace thespis::app
