#pragma once
// What attention_pieces.cu needs of single rows in pages: a group's query rows in shared memory,
// and a warp's block of keys.

#include "gpu/cuda/attention.cuh"

namespace thespis::gpu::cuda {

constexpr int kPieceWarps = kPieceBlocks;  // One a block of keys.
constexpr int kPieceThreads = kPieceWarps * 32;
static_assert(kBlockKeys % kPageTokens == 0 && kBlockKeys / kPageTokens <= 32);

/// Finishes a run's group of query rows into the tile at `q`, and where `own_key` its key and value
/// into their page; besides to where `insert(u, column)` says, unless that is null.
template <int kHeadDim, class Insert>
__device__ inline void finish_group(const FinishQkvArgs& a, const DeviceRun& run, uint32_t kv_head,
                                    uint32_t group, bool own_key, unsigned char* q,
                                    const Insert& insert) {
  constexpr uint32_t kUnits = kHeadDim / 16;  // Of a head.
  const uint32_t count = (group + (own_key ? 2 : 0)) * kUnits;
  for (uint32_t first = 0; first < count; first += kPieceThreads) {
    const uint32_t i = min(first + threadIdx.x, count - 1), h = i / kUnits;
    const uint32_t head =
        h < group ? kv_head * group + h : a.shape.heads + kv_head + (h - group) * a.shape.kv_heads;
    const Unit u = unit_of(a.shape, head * kUnits + i % kUnits);
    Eight low, high;
    finish_unit(a, run.first_row, run.first_position, u, low, high);
    if (first + threadIdx.x >= count) continue;
    if (h >= group) store_in_page(a, run.table_row, run.first_position, u, low, high);
    const auto store = [&](uint32_t column, const Eight& v) {
      unsigned char* const to =
          h < group ? q + SharedTile<kHeadDim>::offset(h, column / 8) : insert(u, column);
      if (to != nullptr) store8(reinterpret_cast<Bf16*>(to), v);
    };
    store(u.dim, low);
    store(u.dim + kHeadDim / 2, high);
  }
}

/// The same from rows that are finished.
template <int kHeadDim>
__device__ inline void copy_group(const Bf16* heads, uint32_t group, unsigned char* q) {
  constexpr uint32_t kChunks = kHeadDim / 8;
  for (uint32_t i = threadIdx.x; i < group * kChunks; i += kPieceThreads)
    *reinterpret_cast<uint4*>(q + SharedTile<kHeadDim>::offset(i / kChunks, i % kChunks)) =
        *reinterpret_cast<const uint4*>(heads + i * 8);
}

/// A warp's block of keys of one piece.
template <int kHeadDim>
struct KeyBlock {
  using Tile = SharedTile<kHeadDim>;
  const PageKeys* source;
  uint32_t first_key;  // Of the block.
  uint32_t keys;       // Of the row.
  uint32_t lane;
  uint32_t page = 0;  // Of this lane: the block's page numbers lie in its first lanes.

  __device__ KeyBlock(const PageKeys& from, uint32_t first, uint32_t count, uint32_t in_lane)
      : source(&from), first_key(first), keys(count), lane(in_lane) {
    const uint32_t key = first_key + lane * kPageTokens;
    if (lane < kBlockKeys / kPageTokens && key < keys)
      page = __ldg(source->table + key / kPageTokens);
  }
  __device__ bool exists() const { return first_key < keys; }
  __device__ bool has_last() const { return exists() && keys - first_key <= kBlockKeys; }
  /// Starts the copy of keys, or of values (`offset` from the keys); beyond the row's they are 0.
  /// Without the row's own: that is inserted.
  __device__ void load(uint32_t to, size_t offset, bool without_own) const {
    const uint32_t chunk = lane % Tile::kChunks;
#pragma unroll
    for (int p = 0; p < kBlockKeys / int{kPageTokens}; ++p) {
      const uint32_t number = __shfl_sync(~0u, page, p);
      const Bf16* const from = source->first + number * source->page_stride + offset + lane * 8;
      const uint32_t first = first_key + p * kPageTokens;
#pragma unroll
      for (int i = 0; i < int{kPageTokens} * Tile::kChunks; i += 32) {
        const uint32_t row = (i + lane) / Tile::kChunks, key = first + row;
        if (without_own && key == keys - 1) continue;
        ptx::copy_16(to + Tile::offset(p * kPageTokens + row, chunk), from + i * 8,
                     key < keys ? 16 : 0);
      }
    }
  }
};

}  // namespace thespis::gpu::cuda
