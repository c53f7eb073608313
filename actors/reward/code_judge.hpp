#pragma once
// A sandbox and the thread that owns it, for whoever must not wait: jobs come from any thread, and
// what became of one is called back on that thread.
//   CJ-1  Each callback comes once, or not at all once this object is being destroyed.
//   CJ-2  The destructor leaves no process behind.

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "runtime/env/compute.hpp"
#include "runtime/sandbox/sandbox.hpp"
#include "tasks/code/grader.hpp"

namespace thespis {

class CodeJudge {
 public:
  /// Starts the sandbox on `thread`, and waits for its self-test. Throws InputError where this
  /// machine cannot wall programs in (see sandbox::Options::allow_weaker).
  CodeJudge(std::unique_ptr<env::Compute> thread, sandbox::Options options);
  ~CodeJudge();
  CodeJudge(const CodeJudge&) = delete;
  CodeJudge& operator=(const CodeJudge&) = delete;

  /// Judges the program in a completion.
  void judge_completion(std::shared_ptr<const tasks::CodeTask> task, std::string completion,
                        const tasks::GradeRules& rules, tasks::GradeDone done);
  /// Judges a program.
  void judge_program(std::shared_ptr<const tasks::CodeTask> task, std::string program,
                     const tasks::GradeRules& rules, tasks::GradeDone done);

 private:
  using Work = std::function<void(sandbox::Sandbox&)>;
  void post(Work work);
  void loop(sandbox::Sandbox& sandbox);

  std::mutex mutex_;  // work_.
  std::vector<Work> work_;
  std::atomic<bool> stopping_{false};
  sandbox::Descriptor wake_;  // An eventfd.
  std::unique_ptr<env::Compute> thread_;
};

}  // namespace thespis
