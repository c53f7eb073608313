#pragma once
// One process, or two or three that belong together, for some of a task's tests: what is sent into
// the sandbox, and what its outcome says of each test.
//   TR-1  Nothing that is expected is part of what the untrusted program's process is given.
//   TR-2  A test passes only on evidence: its process ended by itself with code 0, within all
//         limits, and gave what was expected. Its exit code or its words alone count for nothing.

#include <functional>
#include <memory>
#include <vector>

#include "runtime/sandbox/sandbox.hpp"
#include "tasks/code/code_report.hpp"
#include "tasks/code/code_task.hpp"

namespace thespis::tasks {

/// What all runs of one answer share.
struct RunContext {
  sandbox::Sandbox* sandbox = nullptr;
  std::shared_ptr<const CodeTask> task;
  std::string source;           ///< The answer's program.
  sandbox::ProgramRef program;  ///< Of stdio tests: compiled.
  sandbox::Limits limits;       ///< Of each run of it.
  bool zygote = true;
};

using TestsDone = std::function<void(std::vector<TestReport>)>;

/// The sandbox's jobs of one call of run_tests(), so that they can be ended early.
struct TestJobs {
  std::vector<uint64_t> ids;
  bool stopped = false;  ///< What was still to be started is not.
};
using TestJobsRef = std::shared_ptr<TestJobs>;

/// Runs tests [begin, end) of the task in one process; more than one only where all are calls or
/// expressions. `done` gets a report for each, from Sandbox::poll() or at once.
void run_tests(const std::shared_ptr<const RunContext>& context, size_t begin, size_t end,
               const TestJobsRef& jobs, TestsDone done);

/// Kills what runs of them; their `done` comes soon, with kInfrastructure unless they had ended.
void stop_tests(sandbox::Sandbox& sandbox, TestJobs& jobs);

/// What an ending says, for people too; kPassed for an exit with code 0.
TestReport report_of(const sandbox::Outcome& outcome);

}  // namespace thespis::tasks
