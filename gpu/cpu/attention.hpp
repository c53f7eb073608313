#pragma once
// What the forward and the backward of attention share. The work of a sequence is cut into tiles of
// the queries in one page of positions, times the query heads of one kv head; a row of a tile is
// one query head at one position. All rows of a tile see the same whole pages; masked keys get
// probability 0, so a query's result does not depend on which other queries are in its tile.

#include "gpu/cpu/tile.hpp"

namespace thespis::gpu::THESPIS_ISA {

/// Rows of one tile: positions of one page, for each position the group's heads.
struct QueryTile {
  uint32_t first_row;  // In the batch.
  uint32_t positions;
  uint32_t first_position;
  uint32_t group;
  uint32_t rows() const { return positions * group; }
  uint32_t batch_row(uint32_t row) const { return first_row + row / group; }
  uint32_t head(uint32_t row) const { return row % group; }
  uint32_t position(uint32_t row) const { return first_position + row / group; }
  /// Keys that the tile computes with: whole pages up to the last position.
  uint32_t keys() const { return round_up(first_position + positions, kPageTokens); }
};

/// Calls f(QueryTile) for each tile of a run.
template <class F>
THESPIS_INLINE void for_tiles(const SequenceRun& run, uint32_t group, const F& f) {
  uint32_t done = 0;
  while (done < run.row_count) {
    const uint32_t position = run.first_position + done;
    uint32_t count = kPageTokens - position % kPageTokens;
    if (count > run.row_count - done) count = run.row_count - done;
    f(QueryTile{run.first_row + done, count, position, group});
    done += count;
  }
}

/// One tile's heads of `in` (rows of `stride`, head 0 of the group at `in`) times `scale`,
/// contiguous.
THESPIS_INLINE void copy_heads(const QueryTile& t, const float* in, size_t stride,
                               uint32_t head_dim, float scale, float* out) {
  const Lanes factor = splat16(scale);
  for (uint32_t r = 0; r < t.rows(); ++r) {
    const float* from = in + t.batch_row(r) * stride + size_t{t.head(r)} * head_dim;
    for (uint32_t d = 0; d < head_dim; d += kLanes)
      store16(out + size_t{r} * head_dim + d, load16(from + d) * factor);
  }
}

/// out[row][key] = rows of a (contiguous, head_dim wide) times columns of pages: page p is
/// [head_dim][kPageTokens] at pages(p).
template <class Pages>
THESPIS_INLINE void multiply_pages(const float* a, uint32_t rows, uint32_t head_dim,
                                   const Pages& pages, uint32_t page_count, float* out,
                                   size_t stride) {
  constexpr int kVectors = static_cast<int>(kPageTokens) / kVecFloats;
  // Two pages at a time where the registers hold them.
  constexpr uint32_t kPages = kTileVectors >= 2 * kVectors ? 2 : 1;
  const RowTiles tiles(rows);
  for (size_t i = 0; i < tiles.count; ++i) {
    const size_t first = tiles.first(i);
    with_rows(tiles.size(i), [&](auto n) {
      constexpr int kRows = decltype(n)::value;
      const auto columns = [&](auto count, uint32_t p) {
        constexpr int kCount = decltype(count)::value;
        Tile<kRows, kCount * kVectors> tile;
        tile.clear();
        const float* from = a + first * head_dim;
        if constexpr (kCount == 1) {
          tile.multiply(from, head_dim, 1, pages(p), kPageTokens, head_dim);
        } else {
          tile.multiply(from, head_dim, 1, pages(p), pages(p + 1), kPageTokens, head_dim);
        }
        for (int r = 0; r < kRows; ++r)
          for (int v = 0; v < kCount * kVectors; ++v)
            store(out + (first + r) * stride + p * kPageTokens + v * kVecFloats, tile.at[r][v]);
      };
      uint32_t p = 0;
      for (; p + kPages <= page_count; p += kPages) columns(Constant<kPages>{}, p);
      for (; p < page_count; ++p) columns(Constant<1>{}, p);
    });
  }
}

}  // namespace thespis::gpu::THESPIS_ISA
