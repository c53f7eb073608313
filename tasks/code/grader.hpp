#pragma once
// Judges answers that are programs: compiles them, runs their tests some at a time, and says in one
// verdict what came of it.
//   GR-1  done comes exactly once for each answer, from Sandbox::poll() or from grade() itself.
//   GR-2  The verdict is that of the first test, in the task's order, that did not pass, whatever
//         order they ended in.
//   GR-3  kInfrastructure only where a test could not be run twice and the others do not decide, or
//         where the judgement was stopped.
//   GR-4  Where it stops at the first failure, what runs of later tests is killed at once.
// One thread, that of the sandbox.

#include <functional>
#include <memory>
#include <string>

#include "runtime/sandbox/sandbox.hpp"
#include "tasks/code/code_report.hpp"
#include "tasks/code/code_task.hpp"

namespace thespis::tasks {

struct GradeRules {
  bool partial_credit = false;  ///< The share of tests passed; else all or nothing.
  bool stop_at_failure = true;
  uint32_t parallel_tests = 4;     ///< Processes of one answer at a time.
  uint32_t calls_per_process = 1;  ///< Function tests that share a process.
  // Of each run, where the task does not say.
  double cpu_s = 10;
  double wall_s = 30;
  uint64_t memory_bytes = 512ULL << 20;
  bool zygote = true;
};

using GradeDone = std::function<void(CodeReport)>;
/// Kills what runs of an answer; its done comes soon. Nothing once it has come. May be empty.
using StopGrade = std::function<void()>;

/// Judges `program`.
StopGrade grade(sandbox::Sandbox& sandbox, std::shared_ptr<const CodeTask> task,
                std::string program, const GradeRules& rules, GradeDone done);

/// Judges the program in a completion; where there is none the verdict is kWrong.
StopGrade grade_completion(sandbox::Sandbox& sandbox, std::shared_ptr<const CodeTask> task,
                           std::string_view completion, const GradeRules& rules, GradeDone done);

}  // namespace thespis::tasks
