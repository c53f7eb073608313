// Row-wise operations: normalisation, rotation, gating, embedding rows.

#include <cstring>

#include "gpu/cpu/simd.hpp"
#include "gpu/cpu/table.hpp"

namespace thespis::gpu::THESPIS_ISA {
namespace {

/// 1 / sqrt(mean of squares + eps).
THESPIS_INLINE float inverse_rms(const float* x, uint32_t width, float eps) {
  Lanes squares = splat16(0.0f);
  for (uint32_t c = 0; c < width; c += kLanes) {
    const Lanes v = load16(x + c);
    squares = fma(v, v, squares);
  }
  return 1.0f / __builtin_sqrtf(sum(squares) / static_cast<float>(width) + eps);
}

THESPIS_INLINE Lanes sigmoid(const Lanes& x) {
  const Lanes one = splat16(1.0f);
  return one / (one + exp(splat16(0.0f) - x));
}

}  // namespace

void rms_norm(const NormArgs& a) {
  for (size_t r = 0; r < a.rows; ++r) {
    for (uint32_t g = 0; g < a.groups; ++g) {
      const size_t at = r * a.stride + size_t{g} * a.width;
      const Lanes scale = splat16(inverse_rms(a.x + at, a.width, a.eps));
      for (uint32_t c = 0; c < a.width; c += kLanes)
        store16(a.y + at + c, load16(a.x + at + c) * scale * load16(a.weight + c));
    }
  }
}

void rms_norm_backward(const NormBackwardArgs& b) {
  const NormArgs& a = b.forward;
  for (size_t r = 0; r < a.rows; ++r) {
    for (uint32_t g = 0; g < a.groups; ++g) {
      const size_t at = r * a.stride + size_t{g} * a.width;
      const float *x = a.x + at, *dy = b.dy + at;
      float* dx = b.dx + at;
      const float inverse = inverse_rms(x, a.width, a.eps);
      const Lanes scale = splat16(inverse);
      Lanes dots = splat16(0.0f);
      for (uint32_t c = 0; c < a.width; c += kLanes)
        dots = fma(load16(dy + c) * load16(a.weight + c), load16(x + c), dots);
      // dx = scale (dy w - x scale^2 mean(dy w x)).
      const Lanes pull = splat16(inverse * inverse * (sum(dots) / static_cast<float>(a.width)));
      for (uint32_t c = 0; c < a.width; c += kLanes) {
        const Lanes xv = load16(x + c), dyv = load16(dy + c);
        const Lanes gradient = scale * (dyv * load16(a.weight + c) - xv * pull);
        store16(dx + c, b.accumulate ? load16(dx + c) + gradient : gradient);
        store16(b.dweight + c, fma(dyv, xv * scale, load16(b.dweight + c)));
      }
    }
  }
}

void rope(const RopeArgs& a) {
  const uint32_t half = a.head_dim / 2;
  for (size_t r = 0; r < a.rows; ++r) {
    const float* cosine = a.table + size_t{a.positions[r]} * a.head_dim;
    const float* sine = cosine + half;
    for (uint32_t h = 0; h < a.heads; ++h) {
      float* low = a.x + r * a.stride + size_t{h} * a.head_dim;
      float* high = low + half;
      for (uint32_t i = 0; i < half; ++i) {
        const float s = a.inverse ? -sine[i] : sine[i];
        const float x = low[i], y = high[i];
        low[i] = __builtin_fmaf(x, cosine[i], -(y * s));
        high[i] = __builtin_fmaf(y, cosine[i], x * s);
      }
    }
  }
}

void swiglu(const float* gate_up, size_t rows, uint32_t width, float* y) {
  for (size_t r = 0; r < rows; ++r) {
    const float *gate = gate_up + r * 2 * width, *up = gate + width;
    for (uint32_t c = 0; c < width; c += kLanes) {
      const Lanes g = load16(gate + c);
      store16(y + r * width + c, g * sigmoid(g) * load16(up + c));
    }
  }
}

void swiglu_backward(float* gate_up, float* dy, size_t rows, uint32_t width) {
  const Lanes one = splat16(1.0f);
  for (size_t r = 0; r < rows; ++r) {
    float *gate = gate_up + r * 2 * width, *up = gate + width, *out = dy + r * width;
    for (uint32_t c = 0; c < width; c += kLanes) {
      const Lanes g = load16(gate + c), u = load16(up + c), d = load16(out + c);
      const Lanes s = sigmoid(g);
      store16(up + c, d * (g * s));
      // d silu = s (1 + g (1 - s)).
      store16(gate + c, d * u * (s * fma(g, one - s, one)));
      store16(out + c, g * s * u);  // As swiglu().
    }
  }
}

void gather_rows(const float* table, const int32_t* indices, size_t rows, uint32_t width,
                 float* out) {
  for (size_t r = 0; r < rows; ++r)
    std::memcpy(out + r * width, table + static_cast<size_t>(indices[r]) * width,
                width * sizeof(float));
}

void scatter_add_rows(const float* in, const int32_t* indices, size_t rows, uint32_t width,
                      float* table) {
  for (size_t r = 0; r < rows; ++r) {
    float* to = table + static_cast<size_t>(indices[r]) * width;
    for (uint32_t c = 0; c < width; c += kLanes)
      store16(to + c, load16(to + c) + load16(in + r * width + c));
  }
}

}  // namespace thespis::gpu::THESPIS_ISA
