// Gradients of attention over whole sequences, without atomics (DV-3): the price is that p and its
// gradient are computed twice, for the queries' sums and for the keys'.
//   row_deltas   delta = sum of dout out, by row and head.
//   query_sums   A warpgroup keeps 64 packed rows and runs through the keys that they see.
//   key_sums     A warpgroup keeps 64 keys and runs through the packed rows that see them; a
//                group's heads lie among those rows, so that the sum runs over the group too.

#include "gpu/cuda/attention_ring.cuh"

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
  ptx::await_former();
  ptx::let_next_start();
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

template <int kHeadDim, class Groups>
struct BackwardCut : Groups {
  static constexpr int kStageCount = Groups::kCopies ? 4 : 2;
  static constexpr int kTileBytes = GroupTile<kHeadDim>::kBytes;
  static constexpr int kPairBytes = 2 * kTileBytes;             // Keys and values; or q and dout.
  static constexpr int kStages = Groups::kGroups * kPairBytes;  // After the pairs that are kept.
  static constexpr int kStats = kStages + kStageCount * kPairBytes;
  static constexpr int kStatsBytes = 3 * kGroupRows * 4;
  static constexpr int kBarriers = kStats + kStageCount * kStatsBytes;
  static constexpr int kSharedBytes = kBarriers + kStageCount * 16;
};
template <int kHeadDim>
using QueryCut = BackwardCut<kHeadDim, RowGroups<kHeadDim>>;
/// Its sums are twice as many, too many for two blocks of threads.
template <int kHeadDim>
using KeyCut = BackwardCut<kHeadDim, GroupCut<kHeadDim <= 64 ? 3 : 2, true>>;

/// Packed rows of q, or of dout.
template <int kHeadDim>
__device__ PackedRows<kHeadDim> packed_rows(const AttendBackwardArgs& args, const DeviceRun& run,
                                            const Divisor& group, uint32_t kv_head, bool of_dout) {
  return {of_dout ? args.dout : args.qkv,
          of_dout ? args.shape.heads * kHeadDim : row_width(args.shape), run, group, kv_head};
}

template <int kHeadDim>
__global__ void __launch_bounds__(QueryCut<kHeadDim>::kThreads,
                                  QueryCut<kHeadDim>::kBlocksPerMultiprocessor)
    query_sums(AttendBackwardArgs args, Divisor group) {
  using Cut = QueryCut<kHeadDim>;
  ptx::await_former();
  ptx::let_next_start();
  const uint32_t lane = threadIdx.x % 32, warpgroup = warpgroup_of_thread();
  const uint32_t kv_head = blockIdx.x % args.shape.kv_heads;
  const DeviceRun run = args.runs[blockIdx.x / args.shape.kv_heads];
  const uint32_t rows = run.row_count * group.value;
  const uint32_t block_row = (gridDim.y - 1 - blockIdx.y) * Cut::kBlockRows;  // Most keys first.
  if (block_row >= rows) return;
  const int blocks = group.divide(min(block_row + Cut::kBlockRows, rows) - 1) / kBlockKeys + 1;
  const uint32_t shared = ptx::shared_address(ptx::shared_memory());
  const auto keys_at = [&](int block) {
    return shared + Cut::kStages + block % Cut::kStageCount * Cut::kPairBytes;
  };
  const auto copies = [&](uint32_t part) {  // Keys, or their values.
    return [part, run, keys_at,
            source = RowKeys(args.shape, args.qkv, DevicePages{}, run, kv_head)](int block) {
      load_keys<kHeadDim>(source, part * source.value_offset, run.row_count, block * kBlockKeys,
                          keys_at(block) + part * Cut::kTileBytes);
    };
  };
  const Ring<Cut, decltype(copies)> ring(shared + Cut::kBarriers, blocks, warpgroup, copies);
  if (!ring.open()) return;

  const uint32_t first_row = block_row + warpgroup * kGroupRows;
  int own_blocks = 0;  // Of keys that any row of the warpgroup sees.
  if (first_row < rows)
    own_blocks = group.divide(min(first_row + kGroupRows, rows) - 1) / kBlockKeys + 1;
  const uint32_t all_see = group.divide(first_row) + 1;
  const uint32_t q = shared + warpgroup * Cut::kPairBytes, dout = q + Cut::kTileBytes;
  load_packed(packed_rows<kHeadDim>(args, run, group, kv_head, false), group, first_row, q);
  load_packed(packed_rows<kHeadDim>(args, run, group, kv_head, true), group, first_row, dout);
  ptx::copies_commit();
  // A row beyond the run's is 0, and not written.
  const uint32_t warp_row = first_row + threadIdx.x % kGroupThreads / 32 * 16 + lane / 4;
  uint32_t positions[2];
  float lse[2], delta[2];
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const PackedRow row = packed_row(min(warp_row + half * 8, rows - 1), group, kv_head);
    const size_t index = (size_t{run.first_row} + row.step) * args.shape.heads + row.head;
    positions[half] = row.step;
    lse[half] = args.lse[index] * kLog2E;
    delta[half] = args.delta[index];
  }
  own_copies_done(warpgroup);

  GroupSums<kHeadDim> dq;
  for (int block = 0; block < own_blocks; ++block) {
    ring.await(block);
    const uint32_t first_key = block * kBlockKeys, keys = keys_at(block);
    float s[8][4], dp[8][4];
    ptx::products_begin();
    multiply_rows<kHeadDim>(s, q, keys);
    ptx::products_commit();
    multiply_rows<kHeadDim>(dp, dout, keys + Cut::kTileBytes);
    ptx::products_commit();
    ptx::products_wait<1>();
    ptx::products_done(s);
    each_element<1, 8>([&](int, int n, int i) {
      s[n][i] = ptx::exp2(fmaf(s[n][i], kScale<kHeadDim>, -lse[i / 2]));
    });
    if (first_key + kBlockKeys > all_see) {
      each_element<1, 8>([&](int, int n, int i) {
        if (first_key + n * 8 + lane % 4 * 2 + i % 2 > positions[i / 2]) s[n][i] = 0;
      });
    }
    ptx::products_wait<0>();
    ptx::products_done(dp);
    each_element<1, 8>([&](int, int n, int i) { s[n][i] *= dp[n][i] - delta[i / 2]; });
    uint32_t ds[4][4];
    pack_fragments<8>(ds, s);
    ptx::products_begin();
    dq.add(ds, keys);
    ptx::products_commit();
    ptx::products_wait<0>();
    dq.done();
    ring.release(block);
  }
  ring.skip(own_blocks, blocks);
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const uint32_t r = warp_row + half * 8;
    if (r >= rows) continue;
    const PackedRow row = packed_row(r, group, kv_head);
    dq.write(args.dqkv + (size_t{run.first_row} + row.step) * row_width(args.shape) +
                 row.head * kHeadDim,
             half, kInverseRoot<kHeadDim>, lane);
  }
}

template <int kHeadDim>
__global__ void __launch_bounds__(KeyCut<kHeadDim>::kThreads,
                                  KeyCut<kHeadDim>::kBlocksPerMultiprocessor)
    key_sums(AttendBackwardArgs args, Divisor group) {
  using Cut = KeyCut<kHeadDim>;
  ptx::await_former();
  ptx::let_next_start();
  const uint32_t lane = threadIdx.x % 32, warpgroup = warpgroup_of_thread();
  const uint32_t kv_head = blockIdx.x % args.shape.kv_heads;
  const DeviceRun run = args.runs[blockIdx.x / args.shape.kv_heads];
  const uint32_t block_key = blockIdx.y * Cut::kBlockRows;  // Those that most rows see.
  if (block_key >= run.row_count) return;
  unsigned char* const memory = ptx::shared_memory();
  const uint32_t shared = ptx::shared_address(memory);
  const uint32_t rows = run.row_count * group.value;
  const uint32_t first_row = block_key * group.value;  // Of those that see a key of the block.
  const int row_tiles = (rows - first_row + kGroupRows - 1) / kGroupRows;
  const auto rows_at = [&](int row_tile) {
    return shared + Cut::kStages + row_tile % Cut::kStageCount * Cut::kPairBytes;
  };
  // lse, delta and positions of a tile's rows.
  const auto stats_at = [&](int row_tile) {
    return reinterpret_cast<float*>(memory + Cut::kStats +
                                    row_tile % Cut::kStageCount * Cut::kStatsBytes);
  };
  const auto copies = [&](uint32_t part) {  // Rows of q and what is known of them, or of dout.
    return [&, part,
            from = packed_rows<kHeadDim>(args, run, group, kv_head, part == 1)](int row_tile) {
      const uint32_t base = first_row + row_tile * kGroupRows;
      load_packed(from, group, base, rows_at(row_tile) + part * Cut::kTileBytes);
      const uint32_t thread = threadIdx.x % kGroupThreads;
      if (part == 1 || thread >= kGroupRows) return;
      const uint32_t r = base + thread, bytes = r < rows ? 4 : 0;
      const PackedRow row = packed_row(min(r, rows - 1), group, kv_head);
      const size_t index = (size_t{run.first_row} + row.step) * args.shape.heads + row.head;
      float* const at = stats_at(row_tile) + thread;
      ptx::copy_4(ptx::shared_address(at), args.lse + index, bytes);
      ptx::copy_4(ptx::shared_address(at + kGroupRows), args.delta + index, bytes);
      *reinterpret_cast<uint32_t*>(at + 2 * kGroupRows) = row.step;
    };
  };
  const Ring<Cut, decltype(copies)> ring(shared + Cut::kBarriers, row_tiles, warpgroup, copies);
  if (!ring.open()) return;

  const uint32_t first_key = block_key + warpgroup * kGroupRows;
  const uint32_t warp_key = first_key + threadIdx.x % kGroupThreads / 32 * 16 + lane / 4;
  const uint32_t keys = shared + warpgroup * Cut::kPairBytes, values = keys + Cut::kTileBytes;
  const RowKeys source(args.shape, args.qkv, DevicePages{}, run, kv_head);
  load_keys<kHeadDim>(source, 0, run.row_count, first_key, keys);
  load_keys<kHeadDim>(source, source.value_offset, run.row_count, first_key, values);
  ptx::copies_commit();
  own_copies_done(warpgroup);
  const int unseeing =
      min(static_cast<int>((first_key - block_key) * group.value / kGroupRows), row_tiles);
  ring.skip(0, unseeing);
  GroupSums<kHeadDim> dk, dv;
  for (int row_tile = unseeing; row_tile < row_tiles; ++row_tile) {
    ring.await(row_tile);
    const float *const lse = stats_at(row_tile), *const delta = lse + kGroupRows;
    const auto* const positions = reinterpret_cast<const uint32_t*>(delta + kGroupRows);
    const uint32_t q = rows_at(row_tile), dout = q + Cut::kTileBytes;
    float s[8][4], dp[8][4];  // Rows of these are keys.
    ptx::products_begin();
    multiply_rows<kHeadDim>(s, keys, q);
    ptx::products_commit();
    multiply_rows<kHeadDim>(dp, values, dout);
    ptx::products_commit();
    ptx::products_wait<1>();
    ptx::products_done(s);
    const uint32_t column = lane % 4 * 2;
#pragma unroll
    for (int n = 0; n < 8; ++n) {
      const float2 sums = *reinterpret_cast<const float2*>(lse + n * 8 + column);
      const float shifts[2] = {-sums.x * kLog2E, -sums.y * kLog2E};
#pragma unroll
      for (int i = 0; i < 4; ++i)
        s[n][i] = ptx::exp2(fmaf(s[n][i], kScale<kHeadDim>, shifts[i % 2]));
    }
    if (positions[0] < first_key + kGroupRows - 1) {
      each_element<1, 8>([&](int, int n, int i) {
        if (warp_key + i / 2 * 8 > positions[n * 8 + column + i % 2]) s[n][i] = 0;
      });
    }
    uint32_t p[4][4];
    pack_fragments<8>(p, s);
    ptx::products_wait<0>();
    ptx::products_done(dp);
    ptx::products_begin();
    dv.add(p, dout);
    ptx::products_commit();
#pragma unroll
    for (int n = 0; n < 8; ++n) {
      const float2 d = *reinterpret_cast<const float2*>(delta + n * 8 + column);
#pragma unroll
      for (int i = 0; i < 4; ++i) s[n][i] *= dp[n][i] - (i % 2 == 0 ? d.x : d.y);
    }
    uint32_t ds[4][4];
    pack_fragments<8>(ds, s);
    ptx::products_begin();
    dk.add(ds, q);
    ptx::products_commit();
    ptx::products_wait<0>();
    dv.done();
    dk.done();
    ring.release(row_tile);
  }
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const uint32_t key = warp_key + half * 8;
    if (key >= run.row_count) continue;
    Bf16* const to = args.dqkv + (source.key(key) - args.qkv);
    dk.write(to, half, kInverseRoot<kHeadDim>, lane);
    dv.write(to + source.value_offset, half, 1.0f, lane);
  }
}

template <int kHeadDim>
void attend_backward_heads(cudaStream_t stream, const AttendBackwardArgs& args) {
  using Query = QueryCut<kHeadDim>;
  using Key = KeyCut<kHeadDim>;
  const AttendShape& shape = args.shape;
  const size_t count = args.rows * shape.heads;
  launch_early(row_deltas<kHeadDim>, dim3(blocks_for(count * (kHeadDim / 8), kDeltaThreads)),
               kDeltaThreads, 0, stream, "row_deltas", reinterpret_cast<const uint4*>(args.out),
               reinterpret_cast<const uint4*>(args.dout), count, args.delta);
  const Divisor group(shape.group());
  const uint32_t across = args.run_count * shape.kv_heads;
  launch_early(query_sums<kHeadDim>,
               dim3(across, blocks_for(size_t{args.rows_max} * shape.group(), Query::kBlockRows)),
               Query::kThreads, Query::kSharedBytes, stream, "query_sums", args, group);
  launch_early(key_sums<kHeadDim>, dim3(across, blocks_for(args.rows_max, Key::kBlockRows)),
               Key::kThreads, Key::kSharedBytes, stream, "key_sums", args, group);
}

}  // namespace

void attend_backward(cudaStream_t stream, const AttendBackwardArgs& args) {
  if (args.run_count == 0 || args.rows_max == 0) return;
  with_head_size(args.shape, "attend_backward",
                 [&](auto size) { attend_backward_heads<decltype(size)::value>(stream, args); });
}

}  // namespace thespis::gpu::cuda
