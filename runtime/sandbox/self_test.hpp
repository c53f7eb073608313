#pragma once
// Tries every layer of a sandbox that was just started, against its effective limits: a limit that
// was set is not yet one that holds (a parent group may say otherwise, a kernel may not know it).

#include <vector>

#include "runtime/sandbox/workers.hpp"

namespace thespis::sandbox {

/// Takes a few tenths of a second of processor time; nothing else may be under way.
std::vector<LayerReport> try_layers(Workers& workers);

}  // namespace thespis::sandbox
