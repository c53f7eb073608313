#pragma once
// A keeper runs one job after another in a slot of its own: cgroup, user id, user namespace. It is
// trusted code between the host and what nobody trusts; it is small and does one thing at a time.
//   KP-1  After a job ended, nothing of it is left in the keeper's memory: the zygote's next job
//         is a copy of that.
//   KP-2  A job that reaches a limit is killed by its init, that is, with all it started.

#include "runtime/sandbox/launcher/box.hpp"

namespace thespis::sandbox {

/// Enters the slot with the launcher's help and serves it until the host is gone. `zygote` runs
/// an interpreter's job; null: this keeper has none.
[[noreturn]] void keeper_main(KeeperSetup& setup, void (*zygote)(const Box&));

}  // namespace thespis::sandbox
