// Causal attention over paged keys and values.

#include "gpu/cpu/attention.hpp"

#include <cstring>

#include "gpu/cpu/table.hpp"

namespace thespis::gpu::THESPIS_ISA {
namespace {

constexpr float kMasked = -1e30f;

/// Scores of one row become exp(score - max), 0 beyond its position; returns 1 / sum and the
/// log-sum-exp.
struct RowSoftmax {
  float inverse_sum;
  float log_sum_exp;
};
THESPIS_INLINE RowSoftmax softmax_row(float* s, uint32_t valid, uint32_t keys) {
  // All positions of a tile are in its last page: only that one is masked.
  const uint32_t last = keys - kPageTokens;
  Lanes top = first_lanes(load16(s + last), valid - last, kMasked);
  store16(s + last, top);
  for (uint32_t j = 0; j < last; j += kLanes) top = max(load16(s + j), top);
  const float greatest_score = greatest(top);
  const Lanes shift = splat16(greatest_score);
  Lanes total = splat16(0.0f);
  for (uint32_t j = 0; j < keys; j += kLanes) {
    const Lanes e = exp(load16(s + j) - shift);
    store16(s + j, e);
    total = total + e;
  }
  const float t = sum(total);
  return {1.0f / t, greatest_score + log(t)};
}

/// out[row][d] = sum over keys of p[row][key] * value[key][d], times scale[row].
template <class Pages>
THESPIS_INLINE void multiply_values(const float* p, size_t stride, uint32_t rows,
                                    uint32_t page_count, const Pages& pages, uint32_t head_dim,
                                    const float* scale, float* out) {
  const RowTiles tiles(rows);
  for (size_t i = 0; i < tiles.count; ++i) {
    const size_t first = tiles.first(i);
    with_rows(tiles.size(i), [&](auto n) {
      constexpr int kRows = decltype(n)::value;
      const auto columns = [&](auto vectors, uint32_t d) {
        constexpr int kVectors = decltype(vectors)::value;
        Tile<kRows, kVectors> tile;
        tile.clear();
        for (uint32_t page = 0; page < page_count; ++page)
          tile.multiply(p + first * stride + page * kPageTokens, stride, 1, pages(page) + d,
                        head_dim, kPageTokens);
        for (int r = 0; r < kRows; ++r)
          for (int v = 0; v < kVectors; ++v)
            store(out + (first + r) * head_dim + d + v * kVecFloats,
                  tile.at[r][v] * splat(scale[first + r]));
      };
      uint32_t d = 0;
      for (; d + kTileColumns <= head_dim; d += kTileColumns) columns(Constant<kTileVectors>{}, d);
      for (; d < head_dim; d += kVecFloats) columns(Constant<1>{}, d);
    });
  }
}

}  // namespace

void store_kv(const AttendArgs& a) {
  const AttendShape& s = a.shape;
  for (size_t i = 0; i < a.sequence_count; ++i) {
    const SequenceRun& run = a.sequences[i];
    for (uint32_t r = 0; r < run.row_count; ++r) {
      const uint32_t position = run.first_position + r, slot = position % kPageTokens;
      float* page = a.kv + run.pages[position / kPageTokens] * s.page_floats();
      const float* k = a.qkv + size_t{run.first_row + r} * s.qkv_size() + s.q_size();
      const float* v = k + size_t{s.kv_heads} * s.head_dim;
      for (uint32_t h = 0; h < s.kv_heads; ++h) {
        for (uint32_t d = 0; d < s.head_dim; ++d) page[d * kPageTokens + slot] = k[d];
        page += size_t{kPageTokens} * s.head_dim;
        std::memcpy(page + size_t{slot} * s.head_dim, v, s.head_dim * sizeof(float));
        page += size_t{kPageTokens} * s.head_dim;
        k += s.head_dim;
        v += s.head_dim;
      }
    }
  }
}

void attend(const AttendArgs& a) {
  const AttendShape& s = a.shape;
  const uint32_t group = s.group(), head_dim = s.head_dim;
  const float scale = 1.0f / __builtin_sqrtf(static_cast<float>(head_dim));
  const size_t tile_rows = size_t{kPageTokens} * group;
  float* queries = a.scratch;
  float* out = queries + tile_rows * head_dim;
  float* inverse_sums = out + tile_rows * head_dim;
  float* scores = inverse_sums + tile_rows;
  for (size_t i = 0; i < a.sequence_count; ++i) {
    const SequenceRun& run = a.sequences[i];
    for (uint32_t h = 0; h < s.kv_heads; ++h) {
      const auto key_page = [&](uint32_t p) {
        return a.kv + run.pages[p] * s.page_floats() + size_t{2} * h * kPageTokens * head_dim;
      };
      const auto value_page = [&](uint32_t p) {
        return key_page(p) + size_t{kPageTokens} * head_dim;
      };
      for_tiles(run, group, [&](const QueryTile& t) {
        const uint32_t keys = t.keys(), pages = keys / kPageTokens, rows = t.rows();
        // Odd multiples of a cache line: rows of a power of two would share cache sets.
        const size_t stride = keys + (keys % 32 == 0 ? kLanes : 0);
        copy_heads(t, a.qkv + size_t{h} * group * head_dim, s.qkv_size(), head_dim, scale, queries);
        multiply_pages(queries, rows, head_dim, key_page, pages, scores, stride);
        for (uint32_t r = 0; r < rows; ++r) {
          const RowSoftmax softmax = softmax_row(scores + r * stride, t.position(r) + 1, keys);
          inverse_sums[r] = softmax.inverse_sum;
          if (a.lse != nullptr)
            a.lse[size_t{t.batch_row(r)} * s.heads + h * group + t.head(r)] = softmax.log_sum_exp;
        }
        multiply_values(scores, stride, rows, pages, value_page, head_dim, inverse_sums, out);
        for (uint32_t r = 0; r < rows; ++r)
          std::memcpy(a.out + t.batch_row(r) * size_t{s.q_size()} +
                          size_t{h * group + t.head(r)} * head_dim,
                      out + size_t{r} * head_dim, head_dim * sizeof(float));
      });
    }
  }
}

}  // namespace thespis::gpu::THESPIS_ISA
