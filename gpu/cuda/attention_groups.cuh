#pragma once
// Attention by warpgroups: products of 64 rows whose operands lie in shared memory, as tiles
// [64][kHeadDim] in halves of at most 64 columns, read along rows or across them. A warp has 16 of a
// warpgroup's rows, its lanes the elements of mma.sync's accumulators (attention.cuh).

#include "gpu/cuda/attention.cuh"
#include "gpu/cuda/hopper.cuh"

namespace thespis::gpu::cuda {

constexpr int kGroupRows = 64;
constexpr int kGroupThreads = 128;

template <int kHeadDim>
struct GroupTile {
  static constexpr int kHalves = kHeadDim > 64 ? 2 : 1;
  static constexpr int kColumns = kHeadDim / kHalves;
  static constexpr int kHalfBytes = kGroupRows * kColumns * 2;
  static constexpr int kBytes = kHalves * kHalfBytes;

  __device__ static uint32_t offset(uint32_t row, uint32_t chunk) {
    constexpr uint32_t kChunks = kColumns / 8;
    return chunk / kChunks * kHalfBytes + SharedTile<kColumns>::offset(row, chunk % kChunks);
  }
  /// 16 columns of all rows; and 16 rows of a half's columns.
  __device__ static uint64_t columns(uint32_t tile, int step) {
    return ptx::tile_descriptor<kColumns>(tile + step * 16 / kColumns * kHalfBytes +
                                          step * 16 % kColumns * 2);
  }
  __device__ static uint64_t rows(uint32_t tile, int half, int step) {
    return ptx::tile_descriptor<kColumns>(tile + half * kHalfBytes + step * 16 * kColumns * 2);
  }
};

/// A warpgroup's sums [64][kHeadDim].
template <int kHeadDim>
struct GroupSums {
  using Tile = GroupTile<kHeadDim>;
  static constexpr int kColumnTiles = Tile::kColumns / 8;
  float at[Tile::kHalves][kColumnTiles][4] = {};

  /// += a times a tile's 64 rows.
  __device__ void add(const uint32_t (&a)[4][4], uint32_t tile) {
#pragma unroll
    for (int step = 0; step < 4; ++step) {
#pragma unroll
      for (int half = 0; half < Tile::kHalves; ++half)
        ptx::multiply_fragments(at[half], a[step], Tile::rows(tile, half, step));
    }
  }
  __device__ void done() {
    for (auto& half : at) ptx::products_done(half);
  }
  /// Row g (half 0) or g + 8 of each warp, scaled, as bf16.
  __device__ void write(Bf16* to, int half, float scale, uint32_t lane) const {
#pragma unroll
    for (int h = 0; h < Tile::kHalves; ++h) {
#pragma unroll
      for (int n = 0; n < kColumnTiles; ++n)
        *reinterpret_cast<uint32_t*>(to + h * Tile::kColumns + n * 8 + lane % 4 * 2) =
            ptx::pack(at[h][n][half * 2] * scale, at[h][n][half * 2 + 1] * scale);
    }
  }
};

/// c = a b^T over the columns of two tiles.
template <int kHeadDim>
__device__ inline void multiply_rows(float (&c)[8][4], uint32_t a, uint32_t b) {
  using Tile = GroupTile<kHeadDim>;
#pragma unroll
  for (int step = 0; step < kHeadDim / 16; ++step)
    ptx::multiply_tiles(c, Tile::columns(a, step), Tile::columns(b, step), step > 0);
}

/// f(row, chunk) for the 16-byte chunks of a tile, by kThreads threads of which this is `thread`.
template <int kHeadDim, int kThreads, class F>
__device__ inline void each_chunk(uint32_t thread, const F& f) {
  constexpr int kChunks = kHeadDim / 8, kCount = kGroupRows * kChunks;
#pragma unroll
  for (int begin = 0; begin < kCount; begin += kThreads) {
    const uint32_t i = begin + thread;
    if (kCount % kThreads == 0 || i < kCount) f(i / kChunks, i % kChunks);
  }
}

/// Starts the copies of 64 keys to the tile `to` and of their values to the tile after it. What lies
/// beyond `keys` may be NaN, and becomes 0.
template <int kHeadDim, int kThreads, class Keys>
__device__ inline void load_keys(const Keys& source, uint32_t keys, uint32_t first, uint32_t to,
                                 uint32_t thread) {
  each_chunk<kHeadDim, kThreads>(thread, [&](uint32_t row, uint32_t chunk) {
    const uint32_t key = first + row, bytes = key < keys ? 16 : 0;
    const Bf16* const from = source.key(min(key, keys - 1)) + chunk * 8;
    const uint32_t at = to + GroupTile<kHeadDim>::offset(row, chunk);
    ptx::copy_16(at, from, bytes);
    ptx::copy_16(at + GroupTile<kHeadDim>::kBytes, from + source.value_offset, bytes);
  });
}

/// Starts copies of 64 packed rows of a run: copy(tile offset, row of all, column, bytes), where
/// bytes are 0 for rows beyond the run's.
template <int kHeadDim, int kThreads, class Copy>
__device__ inline void load_packed(const DeviceRun& run, const Divisor& group, uint32_t kv_head,
                                   uint32_t first, uint32_t thread, const Copy& copy) {
  const uint32_t rows = run.row_count * group.value;
  each_chunk<kHeadDim, kThreads>(thread, [&](uint32_t in_tile, uint32_t chunk) {
    const uint32_t r = first + in_tile;
    const PackedRow row = packed_row(min(r, rows - 1), group, kv_head);
    copy(GroupTile<kHeadDim>::offset(in_tile, chunk), size_t{run.first_row} + row.step,
         row.head * kHeadDim + chunk * 8, r < rows ? 16 : 0);
  });
}

}  // namespace thespis::gpu::cuda
