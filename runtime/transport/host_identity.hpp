#pragma once
// Which processes can share memory with this one.

#include <cstdint>

namespace thespis::transport {

/// Equal in two processes if and only if they run on one boot of one kernel, in the same pid, ipc,
/// user and network namespaces (UCX wakes peers by abstract sockets) and as the same user. Never 0.
uint64_t memory_domain();

}  // namespace thespis::transport
