// Gradient of causal attention over whole sequences. Probabilities are computed again from the
// stored log-sum-exp; dK and dV of a kv head gather in a scratch of the sequence's length.

#include <cstring>

#include "gpu/cpu/attention.hpp"
#include "gpu/cpu/table.hpp"

namespace thespis::gpu::THESPIS_ISA {
namespace {

/// out[row][d] (+)= sum over k of a[row * row_stride + k * k_stride] * b[k * b_stride + d], d <
/// head_dim.
THESPIS_INLINE void multiply(const float* a, size_t row_stride, size_t k_stride, uint32_t rows,
                             const float* b, size_t b_stride, size_t count, uint32_t head_dim,
                             bool accumulate, float* out) {
  const RowTiles tiles(rows);
  for (size_t i = 0; i < tiles.count; ++i) {
    const size_t first = tiles.first(i);
    with_rows(tiles.size(i), [&](auto n) {
      constexpr int kRows = decltype(n)::value;
      const auto columns = [&](auto vectors, uint32_t d) {
        constexpr int kVectors = decltype(vectors)::value;
        float* to = out + first * head_dim + d;
        Tile<kRows, kVectors> tile;
        tile.clear();
        if (accumulate)
          for (int r = 0; r < kRows; ++r)
            for (int v = 0; v < kVectors; ++v)
              tile.at[r][v] = load(to + r * size_t{head_dim} + v * kVecFloats);
        tile.multiply(a + first * row_stride, row_stride, k_stride, b + d, b_stride, count);
        for (int r = 0; r < kRows; ++r)
          for (int v = 0; v < kVectors; ++v)
            store(to + r * size_t{head_dim} + v * kVecFloats, tile.at[r][v]);
      };
      uint32_t d = 0;
      for (; d + kTileColumns <= head_dim; d += kTileColumns) columns(Constant<kTileVectors>{}, d);
      for (; d < head_dim; d += kVecFloats) columns(Constant<1>{}, d);
    });
  }
}

/// Pages [head_dim][kPageTokens] of `rows` rows of `in`; keys beyond them are 0.
THESPIS_INLINE void transpose(const float* in, size_t stride, uint32_t rows, uint32_t head_dim,
                              float* pages) {
  const uint32_t keys = round_up(rows, kPageTokens);
  for (uint32_t j = 0; j < keys; ++j) {
    float* page = pages + size_t{j / kPageTokens} * kPageTokens * head_dim + j % kPageTokens;
    for (uint32_t d = 0; d < head_dim; ++d)
      page[d * kPageTokens] = j < rows ? in[j * stride + d] : 0.0f;
  }
}

}  // namespace

void attend_backward(const AttendBackwardArgs& a) {
  const AttendShape& s = a.shape;
  const uint32_t group = s.group(), head_dim = s.head_dim;
  const float scale = 1.0f / __builtin_sqrtf(static_cast<float>(head_dim));
  const size_t tile_rows = size_t{kPageTokens} * group;
  for (size_t i = 0; i < a.sequence_count; ++i) {
    const SequenceRun& run = a.sequences[i];
    const uint32_t padded = round_up(run.row_count, kPageTokens);
    float* key_pages = a.scratch;
    float* value_pages = key_pages + size_t{padded} * head_dim;
    float* dk = value_pages + size_t{padded} * head_dim;
    float* dv = dk + size_t{padded} * head_dim;
    float* queries = dv + size_t{padded} * head_dim;
    float* dout = queries + tile_rows * head_dim;
    float* dq = dout + tile_rows * head_dim;
    float* pulls = dq + tile_rows * head_dim;
    float* p = pulls + tile_rows;
    for (uint32_t h = 0; h < s.kv_heads; ++h) {
      const size_t q_at = size_t{h} * group * head_dim;
      const size_t k_at = s.q_size() + size_t{h} * head_dim;
      const size_t v_at = k_at + size_t{s.kv_heads} * head_dim;
      const float* rows_of_run = a.qkv + size_t{run.first_row} * s.qkv_size();
      float* drows_of_run = a.dqkv + size_t{run.first_row} * s.qkv_size();
      transpose(rows_of_run + k_at, s.qkv_size(), run.row_count, head_dim, key_pages);
      transpose(rows_of_run + v_at, s.qkv_size(), run.row_count, head_dim, value_pages);
      std::memset(dk, 0, size_t{2} * padded * head_dim * sizeof(float));
      for_tiles(run, group, [&](const QueryTile& t) {
        const uint32_t keys = t.keys(), pages = keys / kPageTokens, rows = t.rows();
        const size_t stride = keys + (keys % 32 == 0 ? kLanes : 0);
        float* dp = p + tile_rows * stride;
        const size_t page_size = size_t{kPageTokens} * head_dim;
        copy_heads(t, a.qkv + q_at, s.qkv_size(), head_dim, scale, queries);
        copy_heads(t, a.dout + q_at, s.q_size(), head_dim, 1.0f, dout);
        multiply_pages(
            queries, rows, head_dim, [&](uint32_t j) { return key_pages + j * page_size; }, pages,
            p, stride);
        multiply_pages(
            dout, rows, head_dim, [&](uint32_t j) { return value_pages + j * page_size; }, pages,
            dp, stride);
        for (uint32_t r = 0; r < rows; ++r) {
          const size_t row = t.batch_row(r);
          const uint32_t head = h * group + t.head(r);
          const float* out = a.out + row * s.q_size() + size_t{head} * head_dim;
          Lanes dots = splat16(0.0f);
          for (uint32_t d = 0; d < head_dim; d += kLanes)
            dots = fma(load16(out + d), load16(dout + size_t{r} * head_dim + d), dots);
          const Lanes pull = splat16(sum(dots)), lse = splat16(a.lse[row * s.heads + head]);
          float *prow = p + r * stride, *dprow = dp + r * stride;
          const uint32_t last = keys - kPageTokens;
          store16(prow + last, first_lanes(load16(prow + last), t.position(r) + 1 - last, -1e30f));
          // dS = P (dP - rowsum(dO O)).
          for (uint32_t j = 0; j < keys; j += kLanes) {
            const Lanes probability = exp(load16(prow + j) - lse);
            store16(prow + j, probability);
            store16(dprow + j, probability * (load16(dprow + j) - pull));
          }
        }
        // The last page's keys beyond the sequence have probability 0, but their rows are not ours
        // to read: dQ stops at the sequence's end.
        const uint32_t known = keys < run.row_count ? keys : run.row_count;
        multiply(dp, stride, 1, rows, rows_of_run + k_at, s.qkv_size(), known, head_dim, false, dq);
        multiply(dp, 1, stride, keys, queries, head_dim, rows, head_dim, true, dk);
        multiply(p, 1, stride, keys, dout, head_dim, rows, head_dim, true, dv);
        // Queries were scaled, so dK is done; dQ still needs the factor.
        const Lanes factor = splat16(scale);
        for (uint32_t r = 0; r < rows; ++r) {
          float* to =
              a.dqkv + t.batch_row(r) * size_t{s.qkv_size()} + q_at + size_t{t.head(r)} * head_dim;
          for (uint32_t d = 0; d < head_dim; d += kLanes)
            store16(to + d, load16(dq + size_t{r} * head_dim + d) * factor);
        }
      });
      for (uint32_t j = 0; j < run.row_count; ++j) {
        std::memcpy(drows_of_run + j * size_t{s.qkv_size()} + k_at, dk + size_t{j} * head_dim,
                    head_dim * sizeof(float));
        std::memcpy(drows_of_run + j * size_t{s.qkv_size()} + v_at, dv + size_t{j} * head_dim,
                    head_dim * sizeof(float));
      }
    }
  }
}

}  // namespace thespis::gpu::THESPIS_ISA
