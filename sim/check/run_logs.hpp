#pragma once
// The simulator's checkers over what a real run left: its journal and its metrics. For trainings on
// real machines, whose processes were really killed and parted.

#include <optional>
#include <string>

#include "runtime/env/file_system.hpp"
#include "sim/check/checker.hpp"

namespace thespis::sim {

/// The first promise that the files of the run in `directory` show to be broken: ONCE, AGE,
/// BOUNDED, SAME-MATH. Throws InputError where the recipe or the metrics cannot be read.
std::optional<Violation> check_logs(env::FileSystem& files, const std::string& directory);

}  // namespace thespis::sim
