#pragma once
// The seccomp filter of jobs: what honest programs need is allowed, what only an attack needs
// kills, the rest does not exist (ENOSYS).

#include "runtime/sandbox/launcher/setup.hpp"

namespace thespis::sandbox {

/// Fills setup.filter; 0, or an errno.
int build_filter(KeeperSetup& setup);

}  // namespace thespis::sandbox
