#pragma once
// Attention by warpgroups: products of 64 rows whose operands lie in shared memory, as tiles
// [64][kHeadDim] in halves of at most 64 columns, read along rows or across them. A warp has 16 of
// a warpgroup's rows, its lanes the elements of mma.sync's accumulators (attention.cuh). How the
// tiles of the other operand come: attention_ring.cuh.

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
    return ptx::tile_descriptor<kColumns>(
        tile, step * 16 / kColumns * kHalfBytes + step * 16 % kColumns * 2);
  }
  __device__ static uint64_t rows(uint32_t tile, int half, int step) {
    return ptx::tile_descriptor<kColumns>(tile, half * kHalfBytes + step * 16 * kColumns * 2);
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

/// f(row, offset) for the 16-byte chunks of a tile, by the threads of a warpgroup: each has the
/// same eight columns of every so many rows, so that its offsets differ by constants.
template <int kHeadDim, class F>
__device__ inline void each_chunk(const F& f) {
  using Tile = GroupTile<kHeadDim>;
  constexpr uint32_t kChunks = kHeadDim / 8, kStep = kGroupThreads / kChunks;
  static_assert(kStep % 8 == 0 && kGroupRows % kStep == 0);
  const uint32_t row = threadIdx.x % kGroupThreads / kChunks, chunk = threadIdx.x % kChunks;
  const uint32_t first = Tile::offset(row, chunk);
#pragma unroll
  for (uint32_t i = 0; i < kGroupRows / kStep; ++i)
    f(row + i * kStep, first + i * kStep * Tile::kColumns * 2);
}

/// A run's packed rows of one kv head in an array of rows: this thread's columns of each.
template <int kHeadDim>
struct PackedRows {
  const Bf16* first;
  uint32_t step_stride;  // Between the rows of two steps, less those of the group's heads.
  uint32_t count;

  __device__ PackedRows(const Bf16* array, uint32_t width, const DeviceRun& run,
                        const Divisor& group, uint32_t kv_head)
      : first(array + uint64_t{run.first_row} * width + kv_head * group.value * kHeadDim +
              threadIdx.x % (kHeadDim / 8) * 8),
        step_stride(width - group.value * kHeadDim),
        count(run.row_count * group.value) {
    asm volatile("" : "+l"(first));  // Or the compiler adds up all of the above for each row again.
  }
};

/// Starts the copies of 64 packed rows from `first_row` on to the tile `to`. What lies beyond them
/// becomes 0.
template <int kHeadDim>
__device__ inline void load_packed(const PackedRows<kHeadDim>& rows, const Divisor& group,
                                   uint32_t first_row, uint32_t to) {
  each_chunk<kHeadDim>([&](uint32_t row, uint32_t at) {
    const uint32_t r = first_row + row;
    ptx::copy_16(to + at, rows.first + (r * kHeadDim + group.divide(r) * rows.step_stride),
                 r < rows.count ? 16 : 0);
  });
}

/// Starts the copies of 64 keys, or of what lies `offset` from them, to the tile `to`. What lies
/// beyond `keys` may be NaN, and becomes 0.
template <int kHeadDim, class Keys>
__device__ inline void load_keys(Keys source, uint32_t offset, uint32_t keys, uint32_t first,
                                 uint32_t to) {
  source.first += offset + threadIdx.x % (kHeadDim / 8) * 8;
  each_chunk<kHeadDim>([&](uint32_t row, uint32_t at) {
    ptx::copy_16(to + at, source.key(first + row, keys), first + row < keys ? 16 : 0);
  });
}

}  // namespace thespis::gpu::cuda
