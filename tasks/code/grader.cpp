#include "tasks/code/grader.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "tasks/code/test_run.hpp"

namespace thespis::tasks {
namespace {

constexpr uint32_t kAttemptsMax = 2;  // Of what the sandbox could not run.

CodeReport report_without_tests(const CodeTask& task, CodeVerdict verdict, std::string detail) {
  CodeReport report;
  report.verdict = verdict;
  report.detail = std::move(detail);
  report.tests = task.tests.size();
  return report;
}

/// One answer under way. Lives as long as one of its processes does.
class Grading : public std::enable_shared_from_this<Grading> {
 public:
  Grading(std::shared_ptr<RunContext> context, const GradeRules& rules, GradeDone done)
      : context_(std::move(context)),
        rules_(rules),
        done_(std::move(done)),
        reports_(context_->task->tests.size()) {}

  void start() {
    const auto& tests = context_->task->tests;
    const bool runs_as_is = std::any_of(tests.begin(), tests.end(), [](const CodeTest& t) {
      return t.kind == CodeTest::Kind::kStdio;
    });
    if (runs_as_is) return compile(1);
    start_more();
  }

  void stop() {
    cancelled_ = stopped_ = true;
    for (const auto& [begin, jobs] : running_) stop_tests(*context_->sandbox, *jobs);
  }

 private:
  /// Makes what stdio tests run, then starts them.
  void compile(uint32_t attempt) {
    const auto compiled = [self = shared_from_this(), attempt](sandbox::Compilation compilation) {
      self->compiled(std::move(compilation), attempt);
    };
    const CodeTask& task = *context_->task;
    if (!context_->sandbox->compile(name(task.language), context_->source, compiled))
      finish_without_tests(CodeVerdict::kInfrastructure, "the sandbox's queue is full");
  }

  void compiled(sandbox::Compilation compilation, uint32_t attempt) {
    const auto& outcome = compilation.outcome;
    const bool failed = !compilation.program && outcome.ending == sandbox::Ending::kInfrastructure;
    if (failed && attempt < kAttemptsMax && !cancelled_) return compile(attempt + 1);
    if (failed) return finish_without_tests(CodeVerdict::kInfrastructure, outcome.detail);
    constexpr size_t kShownBytesMax = 4000;
    if (!compilation.program)
      return finish_without_tests(CodeVerdict::kCompileError,
                                  outcome.errors.substr(0, kShownBytesMax));
    context_->program = std::move(compilation.program);
    start_more();
  }

  void start_more() {
    const bool may_start = !stopped_ && running_.size() < std::max(1u, rules_.parallel_tests);
    if (may_start && next_ < reports_.size()) {
      const size_t begin = std::exchange(next_, unit_end(next_));
      running_.emplace(begin, std::make_shared<TestJobs>());
      run(begin, next_, 1);
      return start_more();  // As deep as tests run at once, since run() only starts.
    }
    if (running_.empty() && done_) finish();
  }

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
    run_tests(context_, begin, end, running_.at(begin),
              [self = shared_from_this(), begin, end, attempt](std::vector<TestReport> reports) {
                self->ended(begin, end, attempt, std::move(reports));
              });
  }

  void ended(size_t begin, size_t end, uint32_t attempt, std::vector<TestReport> reports) {
    const auto is = [&reports](CodeVerdict verdict) {
      return std::any_of(reports.begin(), reports.end(),
                         [verdict](const TestReport& r) { return r.verdict == verdict; });
    };
    const bool dropped = running_.at(begin)->stopped;  // Nothing is known of them, or asked.
    if (is(CodeVerdict::kInfrastructure) && attempt < kAttemptsMax && !dropped)
      return run(begin, end, attempt + 1);
    running_.erase(begin);
    bool failed = false;
    for (size_t i = 0; i < reports.size() && !dropped; ++i) {
      failed |= reports[i].verdict != CodeVerdict::kPassed;
      reports_[begin + i] = std::move(reports[i]);
    }
    if (failed && rules_.stop_at_failure) stop_after(begin);
    start_more();
  }

  /// Tests before `begin` go on: the verdict is that of the first that did not pass.
  void stop_after(size_t begin) {
    stopped_ = true;
    for (auto it = running_.upper_bound(begin); it != running_.end(); ++it)
      stop_tests(*context_->sandbox, *it->second);
  }

  void finish_without_tests(CodeVerdict verdict, std::string detail) {
    std::exchange(done_,
                  nullptr)(report_without_tests(*context_->task, verdict, std::move(detail)));
  }

  void finish() {
    if (cancelled_) return finish_without_tests(CodeVerdict::kInfrastructure, "stopped");
    CodeReport report;
    report.tests = reports_.size();
    const TestReport *failed = nullptr, *unknown = nullptr;
    size_t failed_at = 0;
    for (size_t i = 0; i < next_; ++i) {
      if (!reports_[i]) continue;  // Stopped, since an earlier one did not pass.
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

  std::shared_ptr<RunContext> context_;
  GradeRules rules_;
  GradeDone done_;  // Empty: it has been called.
  std::vector<std::optional<TestReport>> reports_;
  size_t next_ = 0;                        // The first test that was not started.
  std::map<size_t, TestJobsRef> running_;  // By the first of their tests.
  bool stopped_ = false;                   // No further test is started.
  bool cancelled_ = false;
};

sandbox::Limits limits_of(const CodeTask& task, const GradeRules& rules) {
  sandbox::Limits limits;
  limits.cpu_s = task.cpu_s > 0 ? task.cpu_s : rules.cpu_s;
  limits.wall_s = task.wall_s > 0 ? task.wall_s : std::max(rules.wall_s, 3 * limits.cpu_s);
  limits.memory_bytes = task.memory_bytes > 0 ? task.memory_bytes : rules.memory_bytes;
  return limits;
}

}  // namespace

StopGrade grade(sandbox::Sandbox& sandbox, std::shared_ptr<const CodeTask> task,
                std::string program, const GradeRules& rules, GradeDone done) {
  auto context = std::make_shared<RunContext>();
  context->sandbox = &sandbox;
  context->limits = limits_of(*task, rules);
  context->task = std::move(task);
  context->source = std::move(program);
  context->zygote = rules.zygote;
  const auto grading = std::make_shared<Grading>(std::move(context), rules, std::move(done));
  grading->start();
  return [weak = std::weak_ptr(grading)] {
    if (const auto alive = weak.lock()) alive->stop();
  };
}

StopGrade grade_completion(sandbox::Sandbox& sandbox, std::shared_ptr<const CodeTask> task,
                           std::string_view completion, const GradeRules& rules, GradeDone done) {
  const Extracted extracted = extract_program(completion, task->language);
  if (extracted.program)
    return grade(sandbox, std::move(task), std::string(*extracted.program), rules, std::move(done));
  done(report_without_tests(*task, CodeVerdict::kWrong,
                            "no program: " + std::string(extracted.problem)));
  return {};
}

}  // namespace thespis::tasks
