// The arena's operations.

#include <cmath>

#include "gpu/emulation/bf16.hpp"
#include "gpu/emulation/kernels.hpp"

namespace thespis::gpu::emulation {

void squares(const SquaresArgs& a) {
  for (uint32_t t = 0; t < a.tile_count; ++t) {
    const float* const x = a.x + a.tiles[t].offset;
    require_aligned(x);
    double sum = 0;
    for (uint32_t i = 0; i < a.tiles[t].size; ++i) sum += static_cast<double>(x[i] * x[i]);
    a.squares[t] = sum;
  }
}

void sum_lanes(const SumLanesArgs& a) {
  if (a.size == 0) return;
  THESPIS_ASSERT(a.size % 4 == 0 && a.count > 0 && a.count <= on_device::kLanesMax);
  for (uint32_t l = 0; l < a.count; ++l) require_aligned(a.lanes[l]);
  for (size_t i = 0; i < a.size; ++i) {
    float sum = a.lanes[0][i];
    for (uint32_t l = 1; l < a.count; ++l) sum += a.lanes[l][i];
    a.sums[i] = sum;
  }
}

void adamw(const AdamWArgs& a) {
  const float rest1 = 1.0f - a.beta1, rest2 = 1.0f - a.beta2;
  for (uint32_t t = 0; t < a.tile_count; ++t) {
    const ParameterTile& tile = a.tiles[t];
    const float keep = tile.decays != 0 ? a.keep : 1.0f;
    THESPIS_ASSERT(tile.size <= on_device::kTileSize && tile.size % 4 == 0);
    require_aligned(a.master + tile.offset);
    for (uint64_t i = tile.offset; i < tile.offset + tile.size; ++i) {
      const float g = a.gradient[i] * a.gradient_scale;
      a.m[i] = a.beta1 * a.m[i] + rest1 * g;
      a.v[i] = a.beta2 * a.v[i] + rest2 * (g * g);
      const float root = std::sqrt(a.v[i]) * a.inverse_sqrt_correction2 + a.epsilon;
      a.master[i] = keep * a.master[i] - a.step_size * (a.m[i] / root);
      a.weight_out[i] = rounded(a.master[i]);
    }
  }
}

}  // namespace thespis::gpu::emulation
