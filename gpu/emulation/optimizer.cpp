// The arena's operations.

#include <bit>

#include "gpu/emulation/bf16.hpp"
#include "gpu/emulation/kernels.hpp"
#include "gpu/split_float.hpp"

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

void split_floats(const float* in, size_t size, Bf16* high, uint16_t* low) {
  THESPIS_ASSERT(size % 8 == 0);
  for (const void* at : {static_cast<const void*>(in), static_cast<const void*>(high),
                         static_cast<const void*>(low)})
    require_aligned(at);
  for (size_t i = 0; i < size; ++i) {
    const SplitFloat s = split_float(std::bit_cast<uint32_t>(in[i]));
    if (high != nullptr) high[i] = {s.high};
    if (low != nullptr) low[i] = s.low;
  }
}

void join_floats(const Bf16* high, const uint16_t* low, size_t size, float* out) {
  THESPIS_ASSERT(size % 8 == 0);
  for (size_t i = 0; i < size; ++i)
    out[i] = std::bit_cast<float>(join_float({high[i].bits, low[i]}));
}

void adamw(const AdamWArgs& a) {
  for (uint32_t t = 0; t < a.tile_count; ++t) {
    const ParameterTile& tile = a.tiles[t];
    THESPIS_ASSERT(tile.size <= on_device::kTileSize && tile.size % gpu::kLanes == 0);
    const uint64_t at = tile.offset;
    Floats weights(tile.size);
    join_floats(a.weight_in + at, a.weight_low + at, tile.size, weights.data());
    cpu_ops().adamw({a.gradient + at, weights.data(), weights.data(), a.m + at, a.v + at, tile.size,
                     a.gradient_scale, a.beta1, a.rest1, a.beta2, a.rest2,
                     tile.decays != 0 ? a.keep : 1.0f, a.step_size, a.inverse_sqrt_correction2,
                     a.epsilon});
    split_floats(weights.data(), tile.size, a.weight_out + at, a.weight_low + at);
  }
}

}  // namespace thespis::gpu::emulation
