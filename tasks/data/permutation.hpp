#pragma once
// A shuffled order without a list of it: any place can be asked for at any time, so that a run that
// resumes at row n needs no state but n.

#include <cstdint>

namespace thespis::tasks {

/// Bijection of [0, size): the row that stands at `position` in the order of `epoch`. A Feistel
/// network over Philox, walked until it falls into range (Black & Rogaway 2002, "Ciphers with
/// arbitrary finite domains").
uint64_t shuffled(uint64_t position, uint64_t size, uint64_t seed, uint64_t epoch);

}  // namespace thespis::tasks
