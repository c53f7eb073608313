#pragma once
// Programs whose verdict is known: honest ones that must pass, hostile ones that must not. A judge
// that gets one wrong judges nothing any more.

#include <memory>
#include <string>
#include <vector>

#include "tasks/code/code_report.hpp"
#include "tasks/code/code_task.hpp"

namespace thespis::tasks {

struct Canary {
  std::string name;
  std::shared_ptr<const CodeTask> task;
  std::string program;
  std::vector<CodeVerdict> allowed;

  /// kInfrastructure says nothing of the judge's honesty: it counts as right.
  bool is_right(CodeVerdict verdict) const;
};

/// Quick ones: all of them take a few tens of milliseconds.
const std::vector<Canary>& canaries();

}  // namespace thespis::tasks
