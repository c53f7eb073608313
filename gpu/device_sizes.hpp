#pragma once
// How much memory of a device some of its operations take.

#include "gpu/device.hpp"

namespace thespis::gpu {

/// Of matrix products; each stream has it.
constexpr size_t kWorkspaceBytes = size_t{64} << 20;

/// Bytes of scratch for an attend() of runs of one row each with at most `keys_max` keys; cleared
/// once, after it was made.
constexpr size_t attend_scratch_bytes(const AttendShape& s, size_t runs, uint32_t keys_max) {
  const size_t pieces = (keys_max + on_device::kAttendPiece - 1) / on_device::kAttendPiece;
  return runs * s.heads * pieces * (size_t{s.head_dim} + 2) * sizeof(float) +
         on_device::kAttendCounts * sizeof(uint32_t);
}

}  // namespace thespis::gpu
