#pragma once
// What the self-test runs inside: attempts on each layer, by a program that is already there.

#include "runtime/sandbox/launcher/box.hpp"

namespace thespis::sandbox {

/// Runs the probe argv[0] in the job's own process and ends:
///   "walls"            prints "layer: ok" or "layer: what got through" for each layer that can be
///                      seen from inside
///   "seccomp"          calls ptrace
///   "memory" MIB       touches so much memory
///   "processes" N      starts up to N processes that wait, prints how many there were
///   "cpu" N            N processes that spin
///   "survivor"         leaves a process behind that ignores every signal, exits with 0
[[noreturn]] void probe_main(const Box& box);

}  // namespace thespis::sandbox
