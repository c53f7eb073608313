// Gradients of attention over whole sequences, without atomics (DV-3): the price is that p and its
// gradient are computed twice, for the queries' sums and for the keys'.
//   row_deltas   delta = sum of dout out, by row and head.
//   query_sums   As attend_tiles: a warp keeps its rows and runs through the keys.
//   key_sums     A warp keeps its keys and runs through its share of the packed rows that see them;
//                a group's heads lie among those rows, so that the sum runs over the group too.

#include "gpu/cuda/attention.cuh"

namespace thespis::gpu::cuda {
namespace {

constexpr int kDeltaThreads = 256;

__device__ float product_sum(uint32_t a, uint32_t b, float sum) {
  sum = fmaf(__uint_as_float(a << 16), __uint_as_float(b << 16), sum);
  return fmaf(__uint_as_float(a & 0xffff0000u), __uint_as_float(b & 0xffff0000u), sum);
}

template <int kHeadDim>
__global__ void __launch_bounds__(kDeltaThreads)
    row_deltas(const uint4* out, const uint4* dout, size_t count, float* delta) {
  constexpr int kLanes = kHeadDim / 8;  // Of one row and head.
  const size_t i = size_t{blockIdx.x} * kDeltaThreads + threadIdx.x;
  float sum = 0;
  if (i < count * kLanes) {
    const uint4 a = __ldg(out + i), b = __ldg(dout + i);
    sum = product_sum(a.y, b.y, product_sum(a.x, b.x, sum));
    sum = product_sum(a.w, b.w, product_sum(a.z, b.z, sum));
  }
#pragma unroll
  for (int step = kLanes / 2; step > 0; step /= 2) sum += __shfl_xor_sync(~0u, sum, step);
  if (i < count * kLanes && i % kLanes == 0) delta[i / kLanes] = sum;
}

/// Accumulator tiles of one row (elements 2 half, 2 half + 1), scaled, as bf16.
template <int kHeadDim>
__device__ void write_row(Bf16* to, const float (&sums)[kHeadDim / 8][4], int half, float scale,
                          uint32_t lane) {
#pragma unroll
  for (int n = 0; n < kHeadDim / 8; ++n) {
    *reinterpret_cast<uint32_t*>(to + n * 8 + lane % 4 * 2) =
        ptx::pack(sums[n][half * 2] * scale, sums[n][half * 2 + 1] * scale);
  }
}

template <int kHeadDim>
struct QueryCut {
  static constexpr int kTiles = kHeadDim >= 128 ? 1 : 2;
  static constexpr int kWarps = kHeadDim >= 128 ? 8 : 4;
  static constexpr int kThreads = kWarps * 32;
  static constexpr int kWarpRows = kTiles * 16;
  static constexpr int kRows = kWarps * kWarpRows;
  static constexpr int kStepKeys = 32;
  static constexpr int kBlocksPerMultiprocessor = kHeadDim >= 128 ? 1 : 2;
  static constexpr int kStageBytes = 2 * SharedTile<kHeadDim>::kBytes;
  static constexpr int kSharedBytes = 2 * kStageBytes;
};

template <int kHeadDim>
__global__ void __launch_bounds__(QueryCut<kHeadDim>::kThreads,
                                  QueryCut<kHeadDim>::kBlocksPerMultiprocessor)
    query_sums(AttendBackwardArgs args, Divisor group) {
  using Cut = QueryCut<kHeadDim>;
  using Tile = SharedTile<kHeadDim>;
  constexpr int kTiles = Cut::kTiles, kStepKeys = Cut::kStepKeys;
  const uint32_t lane = threadIdx.x % 32;
  const uint32_t kv_head = blockIdx.x % args.shape.kv_heads;
  const DeviceRun run = args.runs[blockIdx.x / args.shape.kv_heads];
  const uint32_t rows = run.row_count * group.value;
  const uint32_t block_row = (gridDim.y - 1 - blockIdx.y) * Cut::kRows;  // Most keys first.
  if (block_row >= rows) return;

  const uint32_t block_last = min(block_row + Cut::kRows, rows) - 1;
  const int blocks = group.divide(block_last) / kBlockKeys + 1;
  const uint32_t warp_row = block_row + threadIdx.x / 32 * Cut::kWarpRows;
  uint32_t warp_keys = 0;  // That any row of the warp sees.
  if (warp_row < rows) warp_keys = group.divide(min(warp_row + Cut::kWarpRows, rows) - 1) + 1;
  const uint32_t sees_all_before = group.divide(warp_row) + 1;

  // A row beyond the run's is computed as its last one is, and not written.
  uint32_t positions[kTiles][2];
  float lse[kTiles][2], delta[kTiles][2];
  uint32_t q[kTiles][kHeadDim / 16][4], dout[kTiles][kHeadDim / 16][4];
#pragma unroll
  for (int tile = 0; tile < kTiles; ++tile) {
    const Bf16* q_at[2];
    const Bf16* dout_at[2];
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const uint32_t r = min(warp_row + tile * 16 + half * 8 + lane / 4, rows - 1);
      const PackedRow row = packed_row(r, group, kv_head);
      const size_t index = size_t{run.first_row} + row.step;
      const size_t head_index = index * args.shape.heads + row.head;
      positions[tile][half] = row.step;
      lse[tile][half] = args.lse[head_index] * kLog2E;
      delta[tile][half] = args.delta[head_index];
      q_at[half] = args.qkv + index * row_width(args.shape) + row.head * kHeadDim;
      dout_at[half] = args.dout + head_index * kHeadDim;
    }
    load_fragments<kHeadDim>(q[tile], q_at[0], q_at[1], lane);
    load_fragments<kHeadDim>(dout[tile], dout_at[0], dout_at[1], lane);
  }

  const uint32_t stages = ptx::shared_address(ptx::shared_memory());
  const RowKeys source(args.shape, args.qkv, DevicePages{}, run, kv_head);
  const auto load = [&](int block) {
    load_block<kHeadDim, Cut::kThreads>(source, stages + block % 2 * Cut::kStageBytes, block,
                                        run.row_count);
  };
  const uint32_t rows_lane = stages + Tile::rows_offset(lane);
  const uint32_t columns_lane = stages + Tile::columns_offset(lane);
  float dq[kTiles][kHeadDim / 8][4] = {};
  load(0);
  for (int block = 0; block < blocks; ++block) {
    ptx::copies_wait<0>();
    __syncthreads();  // The block is there, and all warps are done with the one before.
    if (block + 1 < blocks) load(block + 1);
#pragma unroll 1
    for (int first = 0; first < kBlockKeys; first += kStepKeys) {
      const uint32_t first_key = block * kBlockKeys + first;
      if (first_key >= warp_keys) break;
      const uint32_t step_at = block % 2 * Cut::kStageBytes + first * Tile::kRowBytes;
      const uint32_t keys_at = rows_lane + step_at;
      float s[kTiles][kStepKeys / 8][4] = {}, dp[kTiles][kStepKeys / 8][4] = {};
#pragma unroll
      for (int step = 0; step < kHeadDim / 16; ++step) {
#pragma unroll
        for (int n = 0; n < kStepKeys / 8; n += 2) {
          uint32_t key[4], value[4];
          Tile::load_rows(key, keys_at, n * 8, step);
          Tile::load_rows(value, keys_at + Tile::kBytes, n * 8, step);
#pragma unroll
          for (int tile = 0; tile < kTiles; ++tile) {
            ptx::multiply(s[tile][n], q[tile][step], key[0], key[1]);
            ptx::multiply(s[tile][n + 1], q[tile][step], key[2], key[3]);
            ptx::multiply(dp[tile][n], dout[tile][step], value[0], value[1]);
            ptx::multiply(dp[tile][n + 1], dout[tile][step], value[2], value[3]);
          }
        }
      }
      each_element<kTiles, kStepKeys / 8>([&](int tile, int n, int i) {
        const float p = ptx::exp2(fmaf(s[tile][n][i], kScale<kHeadDim>, -lse[tile][i / 2]));
        s[tile][n][i] = p * (dp[tile][n][i] - delta[tile][i / 2]);
      });
      if (first_key + kStepKeys > sees_all_before) {
        each_element<kTiles, kStepKeys / 8>([&](int tile, int n, int i) {
          const uint32_t key = first_key + n * 8 + lane % 4 * 2 + i % 2;
          if (key > positions[tile][i / 2]) s[tile][n][i] = 0;
        });
      }
      uint32_t ds[kTiles][kStepKeys / 16][4];
#pragma unroll
      for (int tile = 0; tile < kTiles; ++tile) pack_fragments<kStepKeys / 8>(ds[tile], s[tile]);
#pragma unroll
      for (int step = 0; step < kStepKeys / 16; ++step) {
        add_product<kHeadDim>(dq, ds, step, columns_lane + step_at, step * 16);
      }
    }
  }
#pragma unroll
  for (int tile = 0; tile < kTiles; ++tile) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const uint32_t r = warp_row + tile * 16 + half * 8 + lane / 4;
      if (r >= rows) continue;
      const PackedRow row = packed_row(r, group, kv_head);
      Bf16* const to = args.dqkv + (size_t{run.first_row} + row.step) * row_width(args.shape) +
                       row.head * kHeadDim;
      write_row<kHeadDim>(to, dq[tile], half, kInverseRoot<kHeadDim>, lane);
    }
  }
}

/// kBlockKeys keys and values stay in the registers of kKeyWarps warps; there are kShares such sets
/// of warps, each with its part of every tile of kBlockKeys packed rows.
template <int kHeadDim>
struct KeyCut {
  static constexpr int kTiles = kHeadDim >= 128 ? 1 : 2;
  static constexpr int kWarpKeys = kTiles * 16;
  static constexpr int kKeyWarps = kBlockKeys / kWarpKeys;
  static constexpr int kShares = 2;
  static constexpr int kThreads = kShares * kKeyWarps * 32;
  static constexpr int kBlocksPerMultiprocessor = kHeadDim >= 128 ? 1 : 2;
  static constexpr int kStageBytes = 2 * SharedTile<kHeadDim>::kBytes;
  static constexpr int kStatBytes = kBlockKeys * 4;  // Of one stage and kind.
  static constexpr int kSharedBytes = 2 * (kStageBytes + 3 * kStatBytes);
};

template <int kHeadDim>
__global__ void __launch_bounds__(KeyCut<kHeadDim>::kThreads,
                                  KeyCut<kHeadDim>::kBlocksPerMultiprocessor)
    key_sums(AttendBackwardArgs args, Divisor group) {
  using Cut = KeyCut<kHeadDim>;
  using Tile = SharedTile<kHeadDim>;
  constexpr int kTiles = Cut::kTiles;
  const uint32_t lane = threadIdx.x % 32;
  const uint32_t kv_head = blockIdx.x % args.shape.kv_heads;
  const DeviceRun run = args.runs[blockIdx.x / args.shape.kv_heads];
  const uint32_t block_key = blockIdx.y * kBlockKeys;  // Those that most rows see first.
  if (block_key >= run.row_count) return;

  const uint32_t key_warp = threadIdx.x / 32 % Cut::kKeyWarps;
  const uint32_t share = threadIdx.x / 32 / Cut::kKeyWarps;
  const uint32_t warp_key = block_key + key_warp * Cut::kWarpKeys;
  const RowKeys source(args.shape, args.qkv, DevicePages{}, run, kv_head);
  uint32_t k[kTiles][kHeadDim / 16][4], v[kTiles][kHeadDim / 16][4];
#pragma unroll
  for (int tile = 0; tile < kTiles; ++tile) {
    const uint32_t key = warp_key + tile * 16 + lane / 4, last = run.row_count - 1;
    const Bf16* const at_0 = source.key(min(key, last));
    const Bf16* const at_8 = source.key(min(key + 8, last));
    load_fragments<kHeadDim>(k[tile], at_0, at_8, lane);
    load_fragments<kHeadDim>(v[tile], at_0 + source.value_offset, at_8 + source.value_offset, lane);
  }

  // Stages of q and dout, then lse, delta and positions by stage.
  unsigned char* const shared = ptx::shared_memory();
  const uint32_t stages = ptx::shared_address(shared);
  float* const stats = reinterpret_cast<float*>(shared + 2 * Cut::kStageBytes);
  const uint32_t stats_at = stages + 2 * Cut::kStageBytes;
  const uint32_t rows = run.row_count * group.value;
  const uint32_t first_row = block_key * group.value;  // Of those that see a key of the block.
  const int row_tiles = (rows - first_row + kBlockKeys - 1) / kBlockKeys;
  const auto load = [&](int row_tile) {
    const uint32_t base = first_row + row_tile * kBlockKeys, stage = row_tile % 2;
#pragma unroll
    for (int first = 0; first < kBlockKeys * Tile::kChunks; first += Cut::kThreads) {
      const uint32_t i = first + threadIdx.x, chunk = i % Tile::kChunks;
      const uint32_t r = base + i / Tile::kChunks;
      const uint32_t bytes = r < rows ? 16 : 0;
      const PackedRow row = packed_row(min(r, rows - 1), group, kv_head);
      const size_t index = size_t{run.first_row} + row.step;
      const size_t column = row.head * kHeadDim + chunk * 8;
      const uint32_t to =
          stages + stage * Cut::kStageBytes + Tile::offset(i / Tile::kChunks, chunk);
      ptx::copy_16(to, args.qkv + index * row_width(args.shape) + column, bytes);
      ptx::copy_16(to + Tile::kBytes, args.dout + index * args.shape.heads * kHeadDim + column,
                   bytes);
    }
    if (threadIdx.x < kBlockKeys) {
      const uint32_t r = base + threadIdx.x;
      const PackedRow row = packed_row(min(r, rows - 1), group, kv_head);
      const size_t index = (size_t{run.first_row} + row.step) * args.shape.heads + row.head;
      const uint32_t slot = stage * kBlockKeys + threadIdx.x, bytes = r < rows ? 4 : 0;
      ptx::copy_4(stats_at + slot * 4, args.lse + index, bytes);
      ptx::copy_4(stats_at + 2 * Cut::kStatBytes + slot * 4, args.delta + index, bytes);
      reinterpret_cast<uint32_t*>(stats)[4 * kBlockKeys + slot] = row.step;
    }
    ptx::copies_commit();
  };

  const uint32_t rows_lane = stages + Tile::rows_offset(lane);
  const uint32_t columns_lane = stages + Tile::columns_offset(lane);
  float dk[kTiles][kHeadDim / 8][4] = {}, dv[kTiles][kHeadDim / 8][4] = {};
  load(0);
  for (int row_tile = 0; row_tile < row_tiles; ++row_tile) {
    ptx::copies_wait<0>();
    __syncthreads();  // The tile is there, and all warps are done with the one before.
    if (row_tile + 1 < row_tiles) load(row_tile + 1);
    constexpr int kShareRows = kBlockKeys / Cut::kShares;
#pragma unroll 1
    for (int i = 0; i < kShareRows; i += 16) {
      const uint32_t step_row = share * kShareRows + i;
      const float* const lse = stats + row_tile % 2 * kBlockKeys + step_row;
      const float* const delta = lse + 2 * kBlockKeys;
      const auto* const positions = reinterpret_cast<const uint32_t*>(lse + 4 * kBlockKeys);
      if (positions[15] < warp_key) continue;
      const uint32_t step_at = row_tile % 2 * Cut::kStageBytes + step_row * Tile::kRowBytes;
      float s[kTiles][2][4] = {}, dp[kTiles][2][4] = {};
#pragma unroll
      for (int step = 0; step < kHeadDim / 16; ++step) {
        uint32_t q[4], dout[4];
        Tile::load_rows(q, rows_lane + step_at, 0, step);
        Tile::load_rows(dout, rows_lane + step_at + Tile::kBytes, 0, step);
#pragma unroll
        for (int tile = 0; tile < kTiles; ++tile) {
          ptx::multiply(s[tile][0], k[tile][step], q[0], q[1]);
          ptx::multiply(s[tile][1], k[tile][step], q[2], q[3]);
          ptx::multiply(dp[tile][0], v[tile][step], dout[0], dout[1]);
          ptx::multiply(dp[tile][1], v[tile][step], dout[2], dout[3]);
        }
      }
      float2 shifts[2], deltas[2];  // Of this lane's columns.
#pragma unroll
      for (int n = 0; n < 2; ++n) {
        shifts[n] = *reinterpret_cast<const float2*>(lse + n * 8 + lane % 4 * 2);
        shifts[n] = make_float2(-shifts[n].x * kLog2E, -shifts[n].y * kLog2E);
        deltas[n] = *reinterpret_cast<const float2*>(delta + n * 8 + lane % 4 * 2);
      }
      each_element<kTiles, 2>([&](int tile, int n, int i) {
        const float shift = i % 2 == 0 ? shifts[n].x : shifts[n].y;
        s[tile][n][i] = ptx::exp2(fmaf(s[tile][n][i], kScale<kHeadDim>, shift));
      });
      if (positions[0] < warp_key + Cut::kWarpKeys - 1) {
        each_element<kTiles, 2>([&](int tile, int n, int i) {
          const uint32_t key = warp_key + tile * 16 + i / 2 * 8 + lane / 4;
          if (key > positions[n * 8 + lane % 4 * 2 + i % 2]) s[tile][n][i] = 0;
        });
      }
      each_element<kTiles, 2>([&](int tile, int n, int i) {
        const float row_delta = i % 2 == 0 ? deltas[n].x : deltas[n].y;
        dp[tile][n][i] = s[tile][n][i] * (dp[tile][n][i] - row_delta);
      });
      uint32_t p_columns[kTiles][1][4], ds_columns[kTiles][1][4];
#pragma unroll
      for (int tile = 0; tile < kTiles; ++tile) {
        pack_fragments<2>(p_columns[tile], s[tile]);
        pack_fragments<2>(ds_columns[tile], dp[tile]);
      }
      add_product<kHeadDim>(dv, p_columns, 0, columns_lane + step_at + Tile::kBytes, 0);
      add_product<kHeadDim>(dk, ds_columns, 0, columns_lane + step_at, 0);
    }
  }

  // The first share gives its dv to the second, which gives its dk to the first.
  static_assert(Cut::kShares == 2 && 2 * kBlockKeys * kHeadDim * 4 == 2 * Cut::kStageBytes);
  __syncthreads();  // All have read the last tile.
  constexpr int kSlots = kTiles * kHeadDim / 8;
  float4* const given = reinterpret_cast<float4*>(shared) + key_warp * kSlots * 32 + lane;
  float4* const taken = given + (share == 0 ? Cut::kKeyWarps * kSlots * 32 : 0);
  float4* const left = given + (share == 0 ? 0 : Cut::kKeyWarps * kSlots * 32);
#pragma unroll
  for (int tile = 0; tile < kTiles; ++tile) {
#pragma unroll
    for (int n = 0; n < kHeadDim / 8; ++n) {
      float* const own = dk[tile][n];
      float* const other = dv[tile][n];
      left[(tile * kHeadDim / 8 + n) * 32] =
          share == 0 ? make_float4(other[0], other[1], other[2], other[3])
                     : make_float4(own[0], own[1], own[2], own[3]);
#pragma unroll
      for (int i = 0; i < 4; ++i) own[i] = share == 0 ? own[i] : other[i];
    }
  }
  __syncthreads();
  const float scale = share == 0 ? kInverseRoot<kHeadDim> : 1.0f;
#pragma unroll
  for (int tile = 0; tile < kTiles; ++tile) {
#pragma unroll
    for (int n = 0; n < kHeadDim / 8; ++n) {
      const float4 more = taken[(tile * kHeadDim / 8 + n) * 32];
      dk[tile][n][0] += more.x;
      dk[tile][n][1] += more.y;
      dk[tile][n][2] += more.z;
      dk[tile][n][3] += more.w;
    }
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const uint32_t key = warp_key + tile * 16 + half * 8 + lane / 4;
      if (key >= run.row_count) continue;
      Bf16* const to =
          args.dqkv + (source.key(key) - args.qkv) + (share == 0 ? size_t{0} : source.value_offset);
      write_row<kHeadDim>(to, dk[tile], half, scale, lane);
    }
  }
}

template <int kHeadDim>
void attend_backward_heads(cudaStream_t stream, const AttendBackwardArgs& args) {
  const AttendShape& shape = args.shape;
  const size_t count = args.rows * shape.heads;
  const size_t vectors = count * (kHeadDim / 8);
  ptx::launch(row_deltas<kHeadDim>,
              dim3(static_cast<uint32_t>((vectors + kDeltaThreads - 1) / kDeltaThreads)),
              kDeltaThreads, 0, stream, "row_deltas", reinterpret_cast<const uint4*>(args.out),
              reinterpret_cast<const uint4*>(args.dout), count, args.delta);
  const Divisor group(shape.group());
  const uint32_t across = args.run_count * shape.kv_heads;
  using Queries = QueryCut<kHeadDim>;
  using KeysCut = KeyCut<kHeadDim>;
  const uint32_t row_tiles = (args.rows_max * shape.group() + Queries::kRows - 1) / Queries::kRows;
  const uint32_t key_blocks = (args.rows_max + kBlockKeys - 1) / kBlockKeys;
  ptx::launch(query_sums<kHeadDim>, dim3(across, row_tiles), Queries::kThreads,
              Queries::kSharedBytes, stream, "query_sums", args, group);
  ptx::launch(key_sums<kHeadDim>, dim3(across, key_blocks), KeysCut::kThreads,
              KeysCut::kSharedBytes, stream, "key_sums", args, group);
}

}  // namespace

void attend_backward(cudaStream_t stream, const AttendBackwardArgs& args) {
  if (args.run_count == 0 || args.rows_max == 0) return;
  with_head_size(args.shape, "attend_backward",
                 [&](auto size) { attend_backward_heads<decltype(size)::value>(stream, args); });
}

}  // namespace thespis::gpu::cuda
