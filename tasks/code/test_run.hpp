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

/// Runs tests [begin, end) of the task in one process; more than one only where all are calls or
/// expressions. `done` gets a report for each, from Sandbox::poll() or at once.
void run_tests(const std::shared_ptr<const RunContext>& context, size_t begin, size_t end,
               TestsDone done);

/// What an ending says, for people too; kPassed for an exit with code 0.
TestReport report_of(const sandbox::Outcome& outcome);

}  // namespace thespis::tasks
