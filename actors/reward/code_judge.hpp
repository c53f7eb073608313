#pragma once
// A sandbox and the thread that owns it, for whoever must not wait: jobs come from any thread, and
// what became of one is called back on that thread.
//   CJ-1  Each callback comes once, or not at all once this object is being destroyed.
//   CJ-2  The destructor leaves no process behind.

#include <atomic>
#include <functional>
#include <map>
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

  using Id = uint64_t;
  /// Judges the program in a completion. The id is for stop().
  Id judge_completion(std::shared_ptr<const tasks::CodeTask> task, std::string completion,
                      const tasks::GradeRules& rules, tasks::GradeDone done);
  /// Judges a program.
  Id judge_program(std::shared_ptr<const tasks::CodeTask> task, std::string program,
                   const tasks::GradeRules& rules, tasks::GradeDone done);
  /// What runs of it is killed; it is called back soon, with kInfrastructure unless it had ended.
  void stop(Id judgement);
  /// Calls `alive` on the thread as soon as that does anything at all.
  void ask(std::function<void()> alive);

 private:
  using Work = std::function<void(sandbox::Sandbox&)>;
  void post(Work work);
  /// Posts what starts a judgement; `start` gets what is to be called at its end.
  using Start = std::function<tasks::StopGrade(sandbox::Sandbox&, tasks::GradeDone)>;
  Id post_judgement(Start start, tasks::GradeDone done);
  void loop(sandbox::Sandbox& sandbox);

  std::mutex mutex_;  // work_.
  std::vector<Work> work_;
  std::atomic<bool> stopping_{false};
  std::atomic<Id> next_id_{1};
  std::map<Id, tasks::StopGrade> running_;  // The thread's alone.
  sandbox::Descriptor wake_;                // An eventfd.
  std::unique_ptr<env::Compute> thread_;
};

}  // namespace thespis
