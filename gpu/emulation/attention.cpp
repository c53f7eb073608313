// Attention: each run's keys and values are brought together as the CPU has them in pages.

#include <numeric>
#include <string>

#include "gpu/device_sizes.hpp"
#include "gpu/emulation/bf16.hpp"
#include "gpu/emulation/kernels.hpp"
#include "runtime/base/error.hpp"

namespace thespis::gpu::emulation {
namespace {

/// The key (or the value) of a position, of one kv head.
const Bf16* key_of(const AttendArgs& a, const DeviceRun& run, uint32_t position, uint32_t kv_head,
                   bool value) {
  const AttendShape& s = a.shape;
  if (a.pages.base == nullptr)
    return a.qkv + (run.first_row + position) * size_t{s.qkv_size()} + s.q_size() +
           ((value ? s.kv_heads : 0) + kv_head) * size_t{s.head_dim};
  const uint32_t page =
      a.pages.table[size_t{run.table_row} * a.pages.table_stride + position / kPageTokens];
  return a.pages.base +
         ((size_t{page} * s.kv_heads + kv_head) * 2 + value) * kPageTokens * s.head_dim +
         size_t{position % kPageTokens} * s.head_dim;
}

/// The CPU's pages of a run; what lies beyond its keys is 0.
Floats gather_pages(const AttendArgs& a, const DeviceRun& run, uint32_t keys) {
  const AttendShape& s = a.shape;
  const size_t tile = size_t{kPageTokens} * s.head_dim;
  Floats kv(round_up(keys, kPageTokens) / kPageTokens * s.page_floats(), 0.0f);
  for (uint32_t p = 0; p < keys; ++p)
    for (uint32_t h = 0; h < s.kv_heads; ++h) {
      float* const to = kv.data() + p / kPageTokens * s.page_floats() + 2 * h * tile;
      const uint32_t slot = p % kPageTokens;
      const Bf16 *key = key_of(a, run, p, h, false), *value = key_of(a, run, p, h, true);
      for (uint32_t d = 0; d < s.head_dim; ++d) to[d * kPageTokens + slot] = widened(key[d]);
      widen(value, s.head_dim, to + tile + size_t{slot} * s.head_dim);
    }
  return kv;
}

std::vector<uint32_t> count_up(uint32_t keys) {
  std::vector<uint32_t> pages(round_up(keys, kPageTokens) / kPageTokens);
  std::iota(pages.begin(), pages.end(), 0u);
  return pages;
}

void attend_run(const AttendArgs& a, const DeviceRun& run) {
  const AttendShape& s = a.shape;
  const uint32_t rows = run.row_count, keys = run.first_position + rows;
  THESPIS_ASSERT(rows <= a.rows_max && keys <= a.keys_max);
  THESPIS_ASSERT(a.pages.base != nullptr || run.first_position == 0);
  Floats qkv(size_t{rows} * s.qkv_size());
  if (a.unfinished != nullptr)
    finish_rows(*a.unfinished, run.first_row, rows, &run.first_position, &run.table_row,
                qkv.data());
  else
    widen(a.qkv + run.first_row * size_t{s.qkv_size()}, qkv.size(), qkv.data());
  Floats kv = gather_pages(a, run, keys), out(size_t{rows} * s.q_size());
  Floats scratch(attend_scratch(s, keys));
  const auto pages = count_up(keys);
  const SequenceRun sequence{0, rows, run.first_position, pages.data()};
  float* const lse = a.lse == nullptr ? nullptr : a.lse + size_t{run.first_row} * s.heads;
  cpu_ops().attend({s, qkv.data(), &sequence, 1, kv.data(), out.data(), lse, scratch.data()});
  round_to(out.data(), out.size(), a.out + run.first_row * size_t{s.q_size()});
}

/// Pieces of keys wait there for each other, and counts that must be 0 before and after.
void use_scratch(const AttendArgs& a) {
  auto* const counts = static_cast<uint32_t*>(a.scratch);
  for (uint32_t i = 0; i < on_device::kAttendCounts; ++i) THESPIS_ASSERT(counts[i] == 0);
  spoil(counts + on_device::kAttendCounts, attend_scratch_bytes(a.shape, a.run_count, a.keys_max) -
                                               on_device::kAttendCounts * sizeof(uint32_t));
}

}  // namespace

void require_attendable(const AttendArgs& a) {
  const uint32_t d = a.shape.head_dim;
  if (d != 16 && d != 32 && d != 64 && d != 128)
    throw Error("attend: a head size of " + std::to_string(d) +
                "; on a card it must be 16, 32, 64 or 128");
  if (a.unfinished != nullptr &&
      !on_device::attend_finishes(a.shape, a.rows_max, a.pages.base != nullptr))
    throw Error("attend: rows are finished by it only where each run is one row, in pages");
}

void attend(const AttendArgs& a) {
  if (a.run_count == 0 || a.rows_max == 0) return;
  for (uint32_t i = 0; i < a.run_count; ++i)
    if (a.runs[i].row_count > 0) attend_run(a, a.runs[i]);
  if (on_device::attend_finishes(a.shape, a.rows_max, a.pages.base != nullptr)) use_scratch(a);
}

void attend_backward(const AttendBackwardArgs& a) {
  if (a.run_count == 0 || a.rows_max == 0) return;
  const AttendShape& s = a.shape;
  const Floats qkv = widened(a.qkv, a.rows * s.qkv_size());
  const Floats out = widened(a.out, a.rows * s.q_size());
  const Floats dout = widened(a.dout, a.rows * s.q_size());
  Floats dqkv(qkv.size()), scratch(attend_scratch(s, a.rows_max));
  for (uint32_t i = 0; i < a.run_count; ++i) {
    const DeviceRun& run = a.runs[i];
    THESPIS_ASSERT(run.row_count <= a.rows_max && run.first_row + run.row_count <= a.rows);
    const SequenceRun sequence{run.first_row, run.row_count, 0, nullptr};
    cpu_ops().attend_backward(
        {s, qkv.data(), &sequence, 1, out.data(), a.lse, dout.data(), dqkv.data(), scratch.data()});
    const size_t first = run.first_row * size_t{s.qkv_size()};
    round_to(dqkv.data() + first, size_t{run.row_count} * s.qkv_size(), a.dqkv + first);
  }
  spoil(a.delta, a.rows * s.heads * sizeof(float));
}

}  // namespace thespis::gpu::emulation
