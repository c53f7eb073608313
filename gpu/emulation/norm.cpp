// RMS norm, and what stands between the product of q, k, v and attention.

#include <string>

#include "gpu/emulation/bf16.hpp"
#include "gpu/emulation/kernels.hpp"
#include "runtime/base/error.hpp"

namespace thespis::gpu::emulation {
namespace {

/// The norm of each head of q, or of k, of rows of qkv.
gpu::NormArgs head_norm(const FinishQkvArgs& a, bool of_k, size_t rows, const float* x, float* y,
                        const float* weight) {
  const AttendShape& s = a.shape;
  const size_t at = of_k ? s.q_size() : 0;
  return {x + at,     y + at, rows, s.qkv_size(), of_k ? s.kv_heads : s.heads,
          s.head_dim, weight, a.eps};
}

void rotate(const FinishQkvArgs& a, float* x, size_t rows, const uint32_t* positions, bool back) {
  const AttendShape& s = a.shape;
  cpu_ops().rope(
      {x, rows, s.qkv_size(), s.heads + s.kv_heads, s.head_dim, positions, a.rope_table, back});
}

/// A row's keys and values, to the page of its position.
void store_in_page(const FinishQkvArgs& a, uint32_t table_row, uint32_t position,
                   const float* row) {
  const AttendShape& s = a.shape;
  const uint32_t page =
      a.pages.table[size_t{table_row} * a.pages.table_stride + position / kPageTokens];
  for (uint32_t h = 0; h < s.kv_heads; ++h)
    for (uint32_t value = 0; value < 2; ++value) {
      Bf16* const tile =
          a.pages.base + ((size_t{page} * s.kv_heads + h) * 2 + value) * kPageTokens * s.head_dim;
      round_to(row + s.q_size() + (size_t{value} * s.kv_heads + h) * s.head_dim, s.head_dim,
               tile + size_t{position % kPageTokens} * s.head_dim);
    }
}

}  // namespace

void rms_norm(const NormArgs& a) {
  if (a.rows == 0) return;
  const Floats x = widened(a.x, a.rows * a.width), weight = widened(a.weight, a.width);
  Floats y(x.size());
  cpu_ops().rms_norm({x.data(), y.data(), a.rows, a.width, 1, a.width, weight.data(), a.eps});
  round_to(y.data(), y.size(), a.y);
}

void rms_norm_backward(const NormBackwardArgs& a) {
  const NormArgs& f = a.forward;
  if (f.rows == 0) return;
  const size_t size = f.rows * f.width;
  const Floats x = widened(f.x, size), weight = widened(f.weight, f.width);
  const Floats dy = widened(a.dy, size);
  Floats dx = a.accumulate ? widened(a.dx, size) : Floats(size);
  cpu_ops().rms_norm_backward(
      {{x.data(), nullptr, f.rows, f.width, 1, f.width, weight.data(), f.eps},
       dy.data(),
       dx.data(),
       a.accumulate,
       a.dweight});
  round_to(dx.data(), size, a.dx);
  spoil(a.scratch, on_device::column_scratch(f.width) * sizeof(float));
}

void require_finishable(const FinishQkvArgs& a) {
  const uint32_t d = a.shape.head_dim;
  if (d < 16 || d > 256 || (d & (d - 1)) != 0)
    throw Error("emulated card: heads of " + std::to_string(d) +
                ": must be a power of two from 16 to 256");
  if (a.bias != nullptr && a.q_norm != nullptr)
    throw Error("emulated card: a bias on q, k, v together with head norms is not supported");
}

void finish_rows(const FinishQkvArgs& a, size_t first, size_t count, const uint32_t* positions,
                 const uint32_t* table_rows, float* out) {
  const AttendShape& s = a.shape;
  const size_t width = s.qkv_size();
  widen(a.in + first * width, count * width, out);
  if (a.bias != nullptr) {
    const Floats bias = widened(a.bias, width);
    for (size_t i = 0; i < count * width; ++i) out[i] += bias[i % width];
  }
  if (a.q_norm != nullptr) {
    const Floats q = widened(a.q_norm, s.head_dim), k = widened(a.k_norm, s.head_dim);
    cpu_ops().rms_norm(head_norm(a, false, count, out, out, q.data()));
    cpu_ops().rms_norm(head_norm(a, true, count, out, out, k.data()));
  }
  rotate(a, out, count, positions, false);
  round_in_place(out, count * width);
  if (a.pages.base == nullptr) return;
  for (size_t r = 0; r < count; ++r) store_in_page(a, table_rows[r], positions[r], out + r * width);
}

void finish_qkv(const FinishQkvArgs& a) {
  if (a.rows == 0) return;
  Floats rows(a.rows * a.shape.qkv_size());
  finish_rows(a, 0, a.rows, a.positions, a.table_rows, rows.data());
  round_to(rows.data(), rows.size(), a.out);
}

void finish_qkv_backward(const FinishQkvBackwardArgs& a) {
  const FinishQkvArgs& f = a.forward;
  if (f.rows == 0) return;
  const AttendShape& s = f.shape;
  const size_t width = s.qkv_size();
  Floats d = widened(a.dqkv, f.rows * width);
  rotate(f, d.data(), f.rows, f.positions, true);
  if (f.q_norm != nullptr) {
    const Floats in = widened(f.in, f.rows * width);
    for (const bool of_k : {false, true}) {
      const Floats weight = widened(of_k ? f.k_norm : f.q_norm, s.head_dim);
      float* const at = d.data() + (of_k ? s.q_size() : 0);
      cpu_ops().rms_norm_backward({head_norm(f, of_k, f.rows, in.data(), d.data(), weight.data()),
                                   at, at, false, of_k ? a.dk_norm : a.dq_norm});
    }
  }
  round_to(d.data(), d.size(), a.dqkv);
  if (a.dbias != nullptr)
    for (size_t i = 0; i < d.size(); ++i) a.dbias[i % width] += widened(a.dqkv[i]);
  spoil(a.scratch, on_device::column_scratch(width) * sizeof(float));
}

}  // namespace thespis::gpu::emulation
