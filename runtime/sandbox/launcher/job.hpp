#pragma once
// The last steps before a program that nobody trusts: its descriptors, limits, and the loss of
// every right.

#include "runtime/sandbox/launcher/box.hpp"

namespace thespis::sandbox {

/// In the job's own process; becomes the program or ends.
[[noreturn]] void job_main(const Box& box);

}  // namespace thespis::sandbox
