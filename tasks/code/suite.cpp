#include "tasks/code/suite.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "runtime/base/error.hpp"
#include "runtime/base/file.hpp"
#include "tasks/code/grader.hpp"
#include "tasks/code/output.hpp"

namespace thespis::tasks {
namespace {

using nlohmann::json;
using sandbox::Ending;
using sandbox::Outcome;

constexpr uint64_t kFileBytesMax = 16ULL << 20;
constexpr const char* kNothingKnown = "SANDBOX";
constexpr std::string_view kEscaped = "ESCAPED";

const char* word_of(const Outcome& outcome) {
  switch (outcome.ending) {
    case Ending::kExited:
      return outcome.code == 0 ? "AC" : "RE";
    case Ending::kSignal:
      return "RE";
    case Ending::kCpuLimit:
      return "TLE";
    case Ending::kWallLimit:
      return "WALL";
    case Ending::kMemoryLimit:
      return "MLE";
    case Ending::kOutputLimit:
      return "OLE";
    case Ending::kRefusedCall:
      return "SYSCALL";
    case Ending::kInfrastructure:
      break;
  }
  return kNothingKnown;
}

std::string word_of(CodeVerdict verdict) {
  switch (verdict) {
    case CodeVerdict::kPassed:
      return "AC";
    case CodeVerdict::kWrong:
      return "WA";
    case CodeVerdict::kRuntimeError:
      return "RE";
    case CodeVerdict::kTime:
      return "TLE";
    case CodeVerdict::kMemory:
      return "MLE";
    case CodeVerdict::kOutput:
      return "OLE";
    case CodeVerdict::kCompileError:
      return "CE";
    case CodeVerdict::kRefused:
      return "SYSCALL";
    case CodeVerdict::kInfrastructure:
      break;
  }
  return kNothingKnown;
}

/// A program on its way through its runs and tests, one after the other.
class Case : public std::enable_shared_from_this<Case> {
 public:
  using Done = std::function<void(SuiteVerdict)>;
  Case(sandbox::Sandbox& sandbox, std::string_view secret, const SuiteProgram& program,
       const SuiteRules& rules, Done done)
      : sandbox_(sandbox),
        secret_(secret),
        program_(program),
        rules_(rules),
        done_(std::move(done)) {
    verdict_.program = &program;
  }

  void start() {
    if (program_.is_function) {
      GradeRules rules;
      rules.cpu_s = rules_.cpu_s;
      rules.wall_s = rules_.wall_s;
      rules.memory_bytes = rules_.memory_bytes;
      rules.zygote = rules_.zygote;
      grade(sandbox_, program_.task, program_.source, rules,
            [self = shared_from_this()](const CodeReport& report) { self->graded(report); });
      return;
    }
    const bool taken = sandbox_.compile(
        program_.language, program_.source,
        [self = shared_from_this()](sandbox::Compilation made) { self->compiled(made); });
    if (!taken) end(kNothingKnown, "the queue is full");
  }

 private:
  void graded(const CodeReport& report) {
    verdict_.cpu_s = report.cpu_s;
    look_at(report.detail);
    end(word_of(report.verdict), report.detail);
  }

  void compiled(sandbox::Compilation& made) {
    look_at(made.outcome.errors);
    verdict_.survivors += made.outcome.survivors;
    if (made.program) {
      made_ = made.program;
      run();
    } else if (made.outcome.ending == Ending::kInfrastructure) {
      end(kNothingKnown, made.outcome.detail);
    } else {
      verdict_.cpu_s = made.outcome.cpu_s;
      end("CE", made.outcome.errors.substr(0, 200));
    }
  }

  void run() {
    sandbox::Job job;
    job.program = made_;
    job.input = program_.task->tests[test_].input;
    job.limits.cpu_s = rules_.cpu_s;
    job.limits.wall_s = rules_.wall_s;
    job.limits.memory_bytes = rules_.memory_bytes;
    job.zygote = rules_.zygote;
    const uint64_t id = sandbox_.run(
        std::move(job), [self = shared_from_this()](Outcome outcome) { self->ran(outcome); });
    if (id == 0) end(kNothingKnown, "the queue is full");
  }

  void ran(const Outcome& outcome) {
    look_at(outcome.output);
    look_at(outcome.errors);
    verdict_.survivors += outcome.survivors;
    verdict_.cpu_s += outcome.cpu_s;
    verdict_.wall_s = std::max(verdict_.wall_s, outcome.wall_s);
    std::string word = word_of(outcome);
    const CodeTest& test = program_.task->tests[test_];
    if (word == "AC" && difference(outcome.output, test.expected_output, OutputRule{})) word = "WA";
    const bool last = test_ + 1 == program_.task->tests.size();
    if (word == "AC" && !last) {
      ++test_;
      run();
      return;
    }
    test_ = 0;
    if (verdict_.words.size() + 1 < program_.runs) {
      verdict_.words.push_back(word);
      run();
      return;
    }
    end(word, outcome.detail.empty() ? outcome.errors.substr(0, 200) : outcome.detail);
  }

  /// Whatever a program shows must not be the host's.
  void look_at(std::string_view text) {
    if (text.find(kEscaped) == text.npos && text.find(secret_) == text.npos) return;
    verdict_.escaped = true;
    verdict_.why = text.substr(0, 200);
  }

  void end(const std::string& word, std::string_view why) {
    verdict_.words.push_back(word);
    bool all = true;
    for (const std::string& each : verdict_.words) all &= program_.allowed.contains(each);
    const bool in_time = program_.wall_s_max == 0 || verdict_.wall_s <= program_.wall_s_max;
    if (!all && verdict_.why.empty()) verdict_.why = why;
    if (!in_time && verdict_.why.empty()) verdict_.why = fmt::format("{} s", verdict_.wall_s);
    verdict_.allowed = all && in_time && !verdict_.escaped && verdict_.survivors == 0;
    done_(std::move(verdict_));
  }

  sandbox::Sandbox& sandbox_;
  std::string_view secret_;
  const SuiteProgram& program_;
  SuiteRules rules_;
  Done done_;
  SuiteVerdict verdict_;
  sandbox::ProgramRef made_;
  size_t test_ = 0;
};

std::string text_of(const std::filesystem::path& path) {
  return read_file(path, kFileBytesMax);
}

json task_row(const json& tests, const std::string& language, bool is_function) {
  json row{{"language", is_function ? "python" : language}, {"tests", json::array()}};
  if (is_function) row["entry"] = "solve";
  for (const json& test : tests.at(is_function ? "func" : "stdio"))
    row["tests"].push_back(is_function ? json{{"args", test.at(0)}, {"expected", test.at(1)}}
                                       : json{{"input", test.at(0)}, {"output", test.at(1)}});
  return row;
}

SuiteProgram program_of(const std::filesystem::path& folder, const json& row, const json& tests) {
  SuiteProgram program;
  program.file = row.at("file").get<std::string>();
  const auto language = row.at("lang").get<std::string>();
  program.language = language == "py" ? "python" : language;
  program.kind = row.at("kind").get<std::string>();
  program.allowed = row.at("expect").get<std::set<std::string>>();
  program.runs = row.value("runs", 1U);
  program.wall_s_max = row.value("max_wall_ms", 0.0) * 1e-3;
  program.is_function = row.at("mode") == "func";
  const json& of_task = tests.at(row.value("task", std::string("add")));
  program.task = std::make_shared<const CodeTask>(
      code_task_of(task_row(of_task, program.language, program.is_function)));
  program.source = text_of(folder / program.file);
  return program;
}

}  // namespace

std::vector<SuiteProgram> read_suite(const std::filesystem::path& folder) {
  const auto index = folder / "index.jsonl", tests_file = folder / "tests.json";
  std::vector<SuiteProgram> programs;
  const std::string lines = text_of(index), tests_text = text_of(tests_file);
  const json tests = json::parse(tests_text, nullptr, false);
  if (!tests.is_object()) throw InputError(tests_file.string() + ": not a JSON object");
  size_t number = 0;
  for (size_t at = 0; at < lines.size();) {
    const size_t end = std::min(lines.find('\n', at), lines.size());
    const std::string line = lines.substr(at, end - at);
    at = end + 1;
    ++number;
    if (line.find_first_not_of(" \r") == line.npos) continue;
    try {
      programs.push_back(program_of(folder, json::parse(line), tests));
    } catch (const json::exception& error) {
      throw InputError(fmt::format("{}:{}: {}", index.string(), number, error.what()));
    }
  }
  if (programs.empty()) throw InputError(index.string() + ": names no program");
  return programs;
}

void run_suite(sandbox::Sandbox& sandbox, sandbox::Canary& canary,
               const std::vector<const SuiteProgram*>& programs, const SuiteRules& rules,
               const std::function<void(const SuiteVerdict&)>& each) {
  size_t started = 0, ended = 0;
  while (ended < programs.size()) {
    for (; started < programs.size() && started - ended < sandbox.jobs_at_once(); ++started)
      std::make_shared<Case>(sandbox, canary.secret(), *programs[started], rules,
                             [&](SuiteVerdict verdict) {
                               ++ended;
                               // Whoever ran beside it is a suspect as well; it is told once.
                               for (const std::string& what : canary.touched()) {
                                 verdict.escaped = true;
                                 verdict.allowed = false;
                                 verdict.why = "the canary: " + what;
                               }
                               each(verdict);
                             })
          ->start();
    if (ended < programs.size()) sandbox.poll(-1);
  }
}

}  // namespace thespis::tasks
