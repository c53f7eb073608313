#pragma once
// The last steps before a program that nobody trusts: its descriptors, limits, and the loss of
// every right.

#include "runtime/sandbox/launcher/box.hpp"

namespace thespis::sandbox {

/// In the keeper, once: no program that it starts can have a capability again. 0 or an errno.
int forbid_capabilities();

/// In the job's own process; becomes the program or ends.
[[noreturn]] void job_main(const Box& box);

}  // namespace thespis::sandbox
