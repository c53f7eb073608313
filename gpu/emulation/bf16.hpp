#pragma once
// bf16 to float and back, as a card converts: to the nearest, ties to even.

#include <cstring>
#include <vector>

#include "gpu/device_ops.hpp"
#include "runtime/base/assert.hpp"

namespace thespis::gpu::emulation {

using Floats = std::vector<float>;

inline float widened(Bf16 v) {
  const uint32_t bits = uint32_t{v.bits} << 16;
  float f;
  std::memcpy(&f, &bits, sizeof(f));
  return f;
}

inline Bf16 rounded(float f) {
  uint32_t bits;
  std::memcpy(&bits, &f, sizeof(bits));
  if ((bits & 0x7fffffffu) > 0x7f800000u) return {0x7fff};
  return {static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1)) >> 16)};
}

/// A card reads and writes eight values at a time.
inline void require_aligned(const void* at) {
  THESPIS_ASSERT(reinterpret_cast<uintptr_t>(at) % 16 == 0);
}

inline void widen(const Bf16* from, size_t size, float* to) {
  require_aligned(from);
  for (size_t i = 0; i < size; ++i) to[i] = widened(from[i]);
}

/// Rows of `stride`, one after another.
inline Floats widened(const Bf16* from, size_t rows, size_t width, size_t stride) {
  Floats to(rows * width);
  for (size_t r = 0; r < rows; ++r) widen(from + r * stride, width, to.data() + r * width);
  return to;
}
inline Floats widened(const Bf16* from, size_t size) {
  return widened(from, 1, size, size);
}

inline void round_to(const float* from, size_t size, Bf16* to) {
  require_aligned(to);
  for (size_t i = 0; i < size; ++i) to[i] = rounded(from[i]);
}

/// To bf16 and back, in place.
inline void round_in_place(float* at, size_t size) {
  for (size_t i = 0; i < size; ++i) at[i] = widened(rounded(at[i]));
}

/// Scratch, whose contents nobody may count on.
inline void spoil(void* at, size_t bytes) {
  std::memset(at, 0xff, bytes);
}

}  // namespace thespis::gpu::emulation
