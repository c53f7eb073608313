#pragma once
// Tests in the form of asserts, made into data.

#include <string>
#include <vector>

#include "runtime/sandbox/sandbox.hpp"
#include "tasks/code/code_task.hpp"

namespace thespis::tasks {

/// Asserts of one task: sources of one each; or one that defines check(candidate).
struct Asserts {
  std::vector<std::string> lines;
  std::string check, function;  ///< The latter is what check is called with.
};

/// For each task its tests: calls and expressions with the values they must give where an assert
/// says so, the assert itself where it does not. Python takes them apart, in the sandbox. Throws
/// Error where that fails.
std::vector<std::vector<CodeTest>> prepare_asserts(const std::vector<Asserts>& tasks,
                                                   sandbox::Sandbox& sandbox);

}  // namespace thespis::tasks
