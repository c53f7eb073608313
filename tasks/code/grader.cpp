#include "tasks/code/grader.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "tasks/code/test_run.hpp"

namespace thespis::tasks {
namespace {

constexpr uint32_t kAttemptsMax = 2;  // Of what the sandbox could not run.

/// One answer under way. Lives as long as one of its processes does.
class Grading : public std::enable_shared_from_this<Grading> {
 public:
  Grading(std::shared_ptr<const RunContext> context, const GradeRules& rules, GradeDone done)
      : context_(std::move(context)),
        rules_(rules),
        done_(std::move(done)),
        reports_(context_->task->tests.size()) {}

  void start_more() {
    const bool may_start = !stopped_ && running_ < std::max(1u, rules_.parallel_tests);
    if (may_start && next_ < reports_.size()) {
      const size_t begin = std::exchange(next_, unit_end(next_));
      ++running_;
      run(begin, next_, 1);
      return start_more();  // As deep as tests run at once, since run() only starts.
    }
    if (running_ == 0 && done_) finish();
  }

 private:
  /// Calls share a process, up to calls_per_process; all else has its own.
  size_t unit_end(size_t begin) const {
    const auto is_call = [](const CodeTest& t) {
      return t.kind == CodeTest::Kind::kCall || t.kind == CodeTest::Kind::kExpression;
    };
    const auto& tests = context_->task->tests;
    size_t end = begin + 1;
    while (is_call(tests[begin]) && end < tests.size() && is_call(tests[end]) &&
           end - begin < rules_.calls_per_process)
      ++end;
    return end;
  }

  void run(size_t begin, size_t end, uint32_t attempt) {
    run_tests(context_, begin, end,
              [self = shared_from_this(), begin, end, attempt](std::vector<TestReport> reports) {
                self->ended(begin, end, attempt, std::move(reports));
              });
  }

  void ended(size_t begin, size_t end, uint32_t attempt, std::vector<TestReport> reports) {
    const auto is = [&reports](CodeVerdict verdict) {
      return std::any_of(reports.begin(), reports.end(),
                         [verdict](const TestReport& r) { return r.verdict == verdict; });
    };
    if (is(CodeVerdict::kInfrastructure) && attempt < kAttemptsMax)
      return run(begin, end, attempt + 1);
    for (size_t i = 0; i < reports.size(); ++i) {
      const bool failed = reports[i].verdict != CodeVerdict::kPassed;
      if (failed && rules_.stop_at_failure) stopped_ = true;
      reports_[begin + i] = std::move(reports[i]);
    }
    --running_;
    start_more();
  }

  void finish() {
    CodeReport report;
    report.tests = reports_.size();
    const TestReport *failed = nullptr, *unknown = nullptr;
    size_t failed_at = 0;
    for (size_t i = 0; i < next_; ++i) {
      const TestReport& test = *reports_[i];
      report.cpu_s += test.cpu_s;
      if (test.verdict == CodeVerdict::kPassed)
        report.passed += failed == nullptr || !rules_.stop_at_failure ? 1 : 0;
      else if (test.verdict == CodeVerdict::kInfrastructure)
        unknown = unknown == nullptr ? &test : unknown;
      else if (failed == nullptr)
        failed = &test, failed_at = i;
      report.reports.push_back(test);
    }
    if (unknown != nullptr && (failed == nullptr || rules_.partial_credit)) {
      report.verdict = CodeVerdict::kInfrastructure;
      report.detail = unknown->detail;
    } else if (failed != nullptr) {
      report.verdict = failed->verdict;
      report.detail = fmt::format("test {} of {}: {}", failed_at + 1, report.tests, failed->detail);
      if (rules_.partial_credit)
        report.credit = static_cast<double>(report.passed) / static_cast<double>(report.tests);
    } else {
      report.verdict = CodeVerdict::kPassed;
      report.credit = 1;
    }
    std::exchange(done_, nullptr)(std::move(report));
  }

  std::shared_ptr<const RunContext> context_;
  GradeRules rules_;
  GradeDone done_;  // Empty: it has been called.
  std::vector<std::optional<TestReport>> reports_;
  size_t next_ = 0;  // The first test that was not started.
  uint32_t running_ = 0;
  bool stopped_ = false;
};

CodeReport report_without_tests(const CodeTask& task, CodeVerdict verdict, std::string detail) {
  CodeReport report;
  report.verdict = verdict;
  report.detail = std::move(detail);
  report.tests = task.tests.size();
  return report;
}

sandbox::Limits limits_of(const CodeTask& task, const GradeRules& rules) {
  sandbox::Limits limits;
  limits.cpu_s = task.cpu_s > 0 ? task.cpu_s : rules.cpu_s;
  limits.wall_s = task.wall_s > 0 ? task.wall_s : std::max(rules.wall_s, 3 * limits.cpu_s);
  limits.memory_bytes = task.memory_bytes > 0 ? task.memory_bytes : rules.memory_bytes;
  return limits;
}

/// Compiles what is run as it is, then starts the tests.
void compile(const std::shared_ptr<RunContext>& context, const GradeRules& rules, GradeDone done,
             uint32_t attempt) {
  sandbox::Sandbox& sandbox = *context->sandbox;
  const auto compiled = [context, rules, done, attempt](sandbox::Compilation compilation) {
    const auto& outcome = compilation.outcome;
    if (!compilation.program && outcome.ending == sandbox::Ending::kInfrastructure) {
      if (attempt < kAttemptsMax) return compile(context, rules, done, attempt + 1);
      return done(
          report_without_tests(*context->task, CodeVerdict::kInfrastructure, outcome.detail));
    }
    if (!compilation.program)
      return done(report_without_tests(*context->task, CodeVerdict::kCompileError,
                                       outcome.errors.substr(0, 4000)));
    context->program = std::move(compilation.program);
    std::make_shared<Grading>(context, rules, done)->start_more();
  };
  if (!sandbox.compile(name(context->task->language), context->source, compiled))
    done(report_without_tests(*context->task, CodeVerdict::kInfrastructure,
                              "the sandbox's queue is full"));
}

}  // namespace

void grade(sandbox::Sandbox& sandbox, std::shared_ptr<const CodeTask> task, std::string program,
           const GradeRules& rules, GradeDone done) {
  auto context = std::make_shared<RunContext>();
  context->sandbox = &sandbox;
  context->limits = limits_of(*task, rules);
  context->task = std::move(task);
  context->source = std::move(program);
  context->zygote = rules.zygote;
  const auto& tests = context->task->tests;
  const bool runs_as_is = std::any_of(tests.begin(), tests.end(), [](const CodeTest& t) {
    return t.kind == CodeTest::Kind::kStdio;
  });
  if (runs_as_is) return compile(context, rules, std::move(done), 1);
  std::make_shared<Grading>(context, rules, std::move(done))->start_more();
}

void grade_completion(sandbox::Sandbox& sandbox, std::shared_ptr<const CodeTask> task,
                      std::string_view completion, const GradeRules& rules, GradeDone done) {
  const Extracted extracted = extract_program(completion, task->language);
  if (!extracted.program)
    return done(report_without_tests(*task, CodeVerdict::kWrong,
                                     "no program: " + std::string(extracted.problem)));
  grade(sandbox, std::move(task), std::string(*extracted.program), rules, std::move(done));
}

}  // namespace thespis::tasks
