#pragma once
// A float in two halves: the upper one, rounded, is a bf16 weight that products use; with the lower
// one it is the float again, bit for bit. So an optimizer's float weights take two bytes beside the
// bf16 ones. A tie rounds away from zero: rounded to even it would not say which way it went.

#include <cstdint>

namespace thespis::gpu {

struct SplitFloat {
  uint16_t high;  ///< Of the nearest bf16.
  uint16_t low;   ///< Of the float itself.
};

constexpr SplitFloat split_float(uint32_t bits) {
  const uint32_t upper = bits >> 16, low = bits & 0xffff;
  // The largest NaNs would become 0; they stay NaNs, if not the same ones.
  const uint32_t rounds_up = (upper & 0x7fff) == 0x7fff ? 0 : low >> 15;
  return {static_cast<uint16_t>(upper + rounds_up), static_cast<uint16_t>(low)};
}

constexpr uint32_t join_float(SplitFloat s) {
  const auto upper = static_cast<uint16_t>(s.high - (s.low >> 15));  // Less what rounding added.
  return uint32_t{upper} << 16 | s.low;
}

}  // namespace thespis::gpu
