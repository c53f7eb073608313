// Sums over gradient lanes and the AdamW update of a range.

#include "gpu/cpu/simd.hpp"
#include "gpu/cpu/table.hpp"

namespace thespis::gpu::THESPIS_ISA {

double sum_lanes(float* const* lanes, size_t count, size_t offset, size_t size) {
  float* first = lanes[0] + offset;
  for (size_t i = 0; i < size; i += kLanes) {
    Lanes total = load16(first + i);
    for (size_t l = 1; l < count; ++l) total = total + load16(lanes[l] + offset + i);
    store16(first + i, total);
  }
  double squares[kLanes] = {};
  for (size_t i = 0; i < size; i += kLanes)
    for (uint32_t l = 0; l < kLanes; ++l) {
      const double g = static_cast<double>(first[i + l]);
      squares[l] += g * g;
    }
  double result = 0.0;
  for (double s : squares) result += s;
  return result;
}

void adamw(const AdamWArgs& a) {
  const Lanes scale = splat16(a.gradient_scale), epsilon = splat16(a.epsilon);
  const Lanes beta1 = splat16(a.beta1), rest1 = splat16(a.rest1);
  const Lanes beta2 = splat16(a.beta2), rest2 = splat16(a.rest2);
  const Lanes keep = splat16(a.keep), step = splat16(-a.step_size);
  const Lanes correction2 = splat16(a.inverse_sqrt_correction2);
  for (size_t i = 0; i < a.size; i += kLanes) {
    const Lanes g = load16(a.gradient + i) * scale;
    const Lanes m = fma(beta1, load16(a.m + i), rest1 * g);
    const Lanes v = fma(beta2, load16(a.v + i), rest2 * (g * g));
    alignas(64) float root[kLanes];
    store16(root, v);
    for (float& r : root) r = __builtin_sqrtf(r);
    const Lanes update = m / fma(load16(root), correction2, epsilon);
    store16(a.weight_out + i, fma(step, update, keep * load16(a.weight_in + i)));
    store16(a.m + i, m);
    store16(a.v + i, v);
  }
}

}  // namespace thespis::gpu::THESPIS_ISA
