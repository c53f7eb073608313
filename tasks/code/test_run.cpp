#include "tasks/code/test_run.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "tasks/code/harness.hpp"

namespace thespis::tasks {
namespace {

using sandbox::Ending;
using sandbox::Outcome;

constexpr uint64_t kAnswerBytesMax = 4 << 20;   // What a puzzle's answer may have.
constexpr uint64_t kVerdictBytesMax = 1 << 16;  // What a tester says.

Value float_value(double number) {
  Value value;
  value.type = Value::Type::kFloat;
  value.number = number;
  return value;
}

/// The last line that says something, for instance Python's "ValueError: ...".
std::string last_line(std::string_view text) {
  const size_t last = text.find_last_not_of(" \t\r\n");
  if (last == text.npos) return {};
  text = text.substr(0, last + 1);
  const size_t begin = text.rfind('\n');
  constexpr size_t kShownBytesMax = 300;
  return std::string(text.substr(begin == text.npos ? 0 : begin + 1).substr(0, kShownBytesMax));
}

TestReport report(CodeVerdict verdict, std::string detail, const Outcome& outcome) {
  return {verdict, std::move(detail), outcome.cpu_s, outcome.wall_s};
}

/// Starts `job`; where it cannot be, `done` hears of it as of any other failure of the sandbox.
void start(sandbox::Sandbox& sandbox, TestJobs& jobs, sandbox::Job job,
           sandbox::Sandbox::RunDone done) {
  Outcome not_run;
  not_run.detail = "stopped";
  if (!jobs.stopped) {
    const uint64_t id = sandbox.run(std::move(job), done);
    if (id != 0) return jobs.ids.push_back(id);
    not_run.detail = "the sandbox's queue is full";
  }
  done(not_run);
}

/// The untrusted side of calls: the program, and what it is called with.
sandbox::Job call_job(const RunContext& context, std::vector<Value> calls, uint64_t result_bytes,
                      bool served) {
  const CodeTask& task = *context.task;
  sandbox::Job job;
  job.program = harness_program("call");
  job.limits = context.limits;
  job.limits.result_bytes = result_bytes;
  job.limits.wall_s += task.wait_s;
  job.zygote = context.zygote;
  job.input = to_text(Value::tuple({Value::of(task.preamble), Value::of(context.source),
                                    Value::of(task.setup), Value::list(std::move(calls)),
                                    Value::of_int(static_cast<int64_t>(result_bytes)),
                                    float_value(task.wait_s), Value::of_bool(served)}));
  return job;
}

std::string described(const CodeTask& task, const CodeTest& test) {
  if (test.kind == CodeTest::Kind::kExpression) return test.source;
  std::vector<std::string> arguments;
  for (const Value& argument : test.arguments) arguments.push_back(shown(argument, 80));
  return fmt::format("{}({})", test.function.empty() ? task.entry : test.function,
                     fmt::join(arguments, ", "));
}

void run_stdio(const std::shared_ptr<const RunContext>& context, size_t index,
               const TestJobsRef& jobs, TestsDone done) {
  const CodeTest& test = context->task->tests[index];
  sandbox::Job job;
  job.program = context->program;
  job.input = test.input;
  job.limits = context->limits;
  job.limits.output_bytes =
      std::max<uint64_t>(job.limits.output_bytes, 2 * test.expected_output.size() + (64 << 10));
  job.zygote = context->zygote;
  start(*context->sandbox, *jobs, std::move(job), [context, index, done](const Outcome& outcome) {
    const CodeTask& task = *context->task;
    TestReport result = report_of(outcome);
    if (result.verdict == CodeVerdict::kPassed) {
      const auto wrong = difference(outcome.output, task.tests[index].expected_output, task.output);
      if (wrong) result = report(CodeVerdict::kWrong, "its output: " + *wrong, outcome);
    }
    done({std::move(result)});
  });
}

/// What the values that came back say of tests [begin, end).
std::vector<TestReport> judge_values(const CodeTask& task, size_t begin, size_t end,
                                     const Outcome& outcome) {
  const auto [values, whole] = parse_values(outcome.result, {outcome.result.size(), 64});
  const size_t count = end - begin;
  const TestReport ending = report_of(outcome);
  std::vector<TestReport> reports;
  for (size_t i = 0; i < count; ++i) {
    const CodeTest& test = task.tests[begin + i];
    // The process failed after the values it gave; that of its last one too, if it gave all.
    if (ending.verdict != CodeVerdict::kPassed && i >= std::min(values.size(), count - 1)) {
      reports.push_back(ending);
    } else if (!whole || values.size() > count || i >= values.size()) {
      reports.push_back(report(CodeVerdict::kWrong, "not exactly one value a call", outcome));
    } else if (!equal(values[i], test.expected, task.value)) {
      reports.push_back(report(CodeVerdict::kWrong,
                               fmt::format("{} gives {}, not {}", described(task, test),
                                           shown(values[i]), shown(test.expected)),
                               outcome));
    } else {
      reports.push_back(report(CodeVerdict::kPassed, "", outcome));
    }
    if (i > 0) reports.back().cpu_s = reports.back().wall_s = 0;  // The process counts once.
  }
  return reports;
}

void run_calls(const std::shared_ptr<const RunContext>& context, size_t begin, size_t end,
               const TestJobsRef& jobs, TestsDone done) {
  std::vector<Value> calls;
  for (size_t i = begin; i < end; ++i) {
    const CodeTest& test = context->task->tests[i];
    if (test.kind == CodeTest::Kind::kExpression) {
      calls.push_back(Value::of(test.source));
    } else {
      const std::string& function = test.function.empty() ? context->task->entry : test.function;
      calls.push_back(Value::tuple({Value::of(function), Value::list(test.arguments)}));
    }
  }
  auto job = call_job(*context, std::move(calls), context->limits.result_bytes, false);
  start(*context->sandbox, *jobs, std::move(job),
        [context, begin, end, done](const Outcome& outcome) {
          done(judge_values(*context->task, begin, end, outcome));
        });
}

/// The answer of a puzzle goes to its checker, as bytes that nobody here looks into.
void run_checker(const std::shared_ptr<const RunContext>& context, size_t index,
                 const TestJobsRef& jobs, TestsDone done) {
  const CodeTask& task = *context->task;
  auto job = call_job(*context, {Value::tuple({Value::of(task.entry), Value::list({})})},
                      kAnswerBytesMax, false);
  start(*context->sandbox, *jobs, std::move(job),
        [context, index, jobs, done](const Outcome& answer) {
          const TestReport ending = report_of(answer);
          if (ending.verdict != CodeVerdict::kPassed) return done({ending});
          const CodeTest& test = context->task->tests[index];
          sandbox::Job check;
          check.program = harness_program("checker");
          check.limits = context->limits;
          check.limits.result_bytes = kVerdictBytesMax;
          check.input = to_text(Value::tuple({Value::of(test.source), Value::of(test.function),
                                              Value::of(context->task->answer_type)}));
          check.files.push_back({"value", answer.result});
          start(
              *context->sandbox, *jobs, std::move(check),
              [answer_cpu = answer.cpu_s, done](const Outcome& outcome) {
                TestReport result = report_of(outcome);
                const auto said = parse_value(outcome.result);
                if (result.verdict == CodeVerdict::kPassed) {
                  const bool is_true = said && said->type == Value::Type::kBool && said->boolean;
                  if (!is_true)
                    result = report(CodeVerdict::kWrong, said ? said->text : "no verdict", outcome);
                } else if (result.verdict == CodeVerdict::kRuntimeError && outcome.code != 0 &&
                           outcome.ending == Ending::kExited) {
                  result = report(CodeVerdict::kInfrastructure,
                                  "the checker cannot run: " + result.detail, outcome);
                } else if (result.verdict != CodeVerdict::kInfrastructure) {
                  result = report(CodeVerdict::kWrong,
                                  "the checker cannot bear its answer: " + result.detail, outcome);
                }
                result.cpu_s += answer_cpu;
                done({std::move(result)});
              });
        });
}

constexpr int kReadNumber = 4, kWriteNumber = 5;  // As harness/call.py and tester.py have them.

/// Empty ends where the system refuses.
struct Pipe {
  Pipe() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return;
    read = std::make_shared<const sandbox::Descriptor>(ends[0]);
    write = std::make_shared<const sandbox::Descriptor>(ends[1]);
  }
  std::shared_ptr<const sandbox::Descriptor> read, write;
};

/// Both processes of a test by asserts.
struct Pair {
  std::shared_ptr<const RunContext> context;
  TestsDone done;
  std::optional<Outcome> program, tester;

  TestReport judge() const {
    const TestReport its = report_of(*program), ours = report_of(*tester);
    TestReport result = ours;
    const auto said = parse_value(tester->result);
    const bool is_said = ours.verdict == CodeVerdict::kPassed && said;
    if (its.verdict == CodeVerdict::kInfrastructure) {
      result = its;
    } else if (its.verdict != CodeVerdict::kPassed &&
               ours.verdict != CodeVerdict::kInfrastructure) {
      result = its;  // It ended while it was still to be asked, or broke a limit.
    } else if (is_said && said->type == Value::Type::kBool && said->boolean) {
      result.verdict = CodeVerdict::kPassed;
    } else if (is_said && said->type == Value::Type::kTuple && said->items.size() == 2) {
      const bool raised = said->items[0].text == "call";
      result.verdict = raised ? CodeVerdict::kRuntimeError : CodeVerdict::kWrong;
      result.detail = said->items[1].text;
    } else if (tester->ending == Ending::kExited) {
      result.verdict = CodeVerdict::kInfrastructure;
      result.detail = "the tester cannot run: " + ours.detail;
    }
    result.cpu_s = its.cpu_s + ours.cpu_s;
    return result;
  }
};

void run_assert(const std::shared_ptr<const RunContext>& context, size_t index,
                const TestJobsRef& jobs, TestsDone done) {
  const CodeTask& task = *context->task;
  const CodeTest& test = task.tests[index];
  Pipe calls, answers;
  if (!calls.read || !answers.read) {
    Outcome failed;
    failed.detail = std::string("no pipe: ") + std::strerror(errno);
    return done({report_of(failed)});
  }
  auto pair = std::make_shared<Pair>();
  pair->context = context;
  pair->done = std::move(done);
  sandbox::Job served = call_job(*context, {}, context->limits.result_bytes, true);
  served.inherited = {{kReadNumber, calls.read}, {kWriteNumber, answers.write}};
  served.limits.wall_s *= 2;  // It waits for the tester.
  sandbox::Job asks;
  asks.program = harness_program("tester");
  asks.limits = context->limits;
  asks.limits.wall_s = served.limits.wall_s;
  asks.limits.result_bytes = kVerdictBytesMax;
  std::vector<Value> names;
  for (const std::string& function : test.functions) names.push_back(Value::of(function));
  asks.input = to_text(
      Value::tuple({Value::of(task.prefix), Value::list(std::move(names)), Value::of(test.source),
                    Value::of_int(static_cast<int64_t>(context->limits.result_bytes))}));
  asks.inherited = {{kReadNumber, answers.read}, {kWriteNumber, calls.write}};
  const auto ended = [pair](std::optional<Outcome> Pair::*side) {
    return [pair, side](Outcome outcome) {
      (*pair).*side = std::move(outcome);
      if (pair->program && pair->tester) pair->done({pair->judge()});
    };
  };
  start(*context->sandbox, *jobs, std::move(served), ended(&Pair::program));
  start(*context->sandbox, *jobs, std::move(asks), ended(&Pair::tester));
}

}  // namespace

TestReport report_of(const Outcome& outcome) {
  switch (outcome.ending) {
    case Ending::kExited:
      if (outcome.code == 0) return report(CodeVerdict::kPassed, "", outcome);
      return report(CodeVerdict::kRuntimeError,
                    fmt::format("exit code {}: {}", outcome.code, last_line(outcome.errors)),
                    outcome);
    case Ending::kSignal:
      return report(CodeVerdict::kRuntimeError, fmt::format("killed by signal {}", outcome.code),
                    outcome);
    case Ending::kCpuLimit:
      return report(CodeVerdict::kTime,
                    fmt::format("over its processor time, after {:.2f} s", outcome.cpu_s), outcome);
    case Ending::kWallLimit:
      return report(CodeVerdict::kTime,
                    fmt::format("did not end; {:.1f} s by the clock, {:.2f} s of processor time",
                                outcome.wall_s, outcome.cpu_s),
                    outcome);
    case Ending::kMemoryLimit:
      return report(CodeVerdict::kMemory, "over its memory", outcome);
    case Ending::kOutputLimit:
      return report(CodeVerdict::kOutput, "wrote more than is allowed", outcome);
    case Ending::kRefusedCall:
      return report(CodeVerdict::kRefused, "made a system call that no honest program makes",
                    outcome);
    case Ending::kInfrastructure:
      break;
  }
  return report(CodeVerdict::kInfrastructure, outcome.detail, outcome);
}

void run_tests(const std::shared_ptr<const RunContext>& context, size_t begin, size_t end,
               const TestJobsRef& jobs, TestsDone done) {
  switch (context->task->tests[begin].kind) {
    case CodeTest::Kind::kStdio:
      return run_stdio(context, begin, jobs, std::move(done));
    case CodeTest::Kind::kCall:
    case CodeTest::Kind::kExpression:
      return run_calls(context, begin, end, jobs, std::move(done));
    case CodeTest::Kind::kAssert:
      return run_assert(context, begin, jobs, std::move(done));
    case CodeTest::Kind::kChecker:
      return run_checker(context, begin, jobs, std::move(done));
  }
}

void stop_tests(sandbox::Sandbox& sandbox, TestJobs& jobs) {
  jobs.stopped = true;
  for (const uint64_t id : jobs.ids) sandbox.cancel(id);
}

}  // namespace thespis::tasks
