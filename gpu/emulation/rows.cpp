// Operations that treat rows or elements one by one.

#include <algorithm>
#include <cmath>

#include "gpu/emulation/bf16.hpp"
#include "gpu/emulation/kernels.hpp"

namespace thespis::gpu::emulation {
namespace {

float sigmoid(float x) {
  return 1.0f / (1.0f + std::exp(-x));
}

}  // namespace

void to_bf16(const float* in, size_t size, Bf16* out) {
  THESPIS_ASSERT(size % 8 == 0);
  round_to(in, size, out);
}

void gather_rows(const Bf16* table, const int32_t* indices, size_t rows, uint32_t width,
                 Bf16* out) {
  for (size_t r = 0; r < rows; ++r)
    std::copy_n(table + static_cast<size_t>(indices[r]) * width, width, out + r * width);
}

void scatter_rows(const Bf16* in, const int32_t* indices, size_t rows, uint32_t width, Bf16* out) {
  for (size_t r = 0; r < rows; ++r)
    std::copy_n(in + r * width, width, out + static_cast<size_t>(indices[r]) * width);
}

void scatter_add_rows(const ScatterAddArgs& a) {
  for (size_t i = 0; i < a.count; ++i) {
    float* const to = a.table + static_cast<size_t>(a.indices[i]) * a.width;
    for (uint32_t row = a.starts[i]; row < a.starts[i + 1]; ++row)
      for (uint32_t c = 0; c < a.width; ++c)
        to[c] += widened(a.in[size_t{a.order[row]} * a.width + c]);
  }
}

void next_rows(const NextRowsArgs& a) {
  for (size_t row = 0; row < a.rows; ++row) {
    const uint32_t slot = a.slots[row];
    const bool pads = slot == a.padding;
    const uint32_t position = pads ? 0 : a.slot_positions[slot];
    a.tokens[row] = pads ? 0 : std::max(a.slot_tokens[slot], 0);
    a.positions[row] = position;
    a.runs[row] = {static_cast<uint32_t>(row), 1, position, slot};
    if (!pads) a.slot_positions[slot] = position + 1;
  }
}

void swiglu(const Bf16* gate_up, size_t rows, uint32_t width, Bf16* y) {
  for (size_t r = 0; r < rows; ++r) {
    const Floats row = widened(gate_up + r * 2 * width, 2 * size_t{width});
    Floats out(width);
    for (uint32_t c = 0; c < width; ++c) out[c] = row[c] * sigmoid(row[c]) * row[width + c];
    round_to(out.data(), width, y + r * width);
  }
}

void swiglu_backward(Bf16* gate_up, Bf16* dy, size_t rows, uint32_t width) {
  for (size_t r = 0; r < rows; ++r) {
    Floats row = widened(gate_up + r * 2 * width, 2 * size_t{width});
    Floats d = widened(dy + r * width, width);
    for (uint32_t c = 0; c < width; ++c) {
      const float g = row[c], s = sigmoid(g), u = row[width + c];
      row[c] = d[c] * u * s * (1.0f + g * (1.0f - s));
      row[width + c] = d[c] * g * s;
      d[c] = g * s * u;
    }
    round_to(d.data(), width, dy + r * width);
    round_to(row.data(), row.size(), gate_up + r * 2 * width);
  }
}

}  // namespace thespis::gpu::emulation
