#pragma once
// The Python that runs inside the sandboxes: the files of tasks/code/harness, each of which follows
// the codec in one module.

#include <string_view>
#include <vector>

#include "runtime/sandbox/job.hpp"

namespace thespis::tasks {

/// What sandbox::Options::python_modules must hold where programs are judged.
std::vector<sandbox::File> harness_modules();

/// A program that runs main() of one: "call" beside the untrusted program; "tester", "checker" and
/// "prepare" where only trusted code runs.
sandbox::ProgramRef harness_program(std::string_view module);

}  // namespace thespis::tasks
