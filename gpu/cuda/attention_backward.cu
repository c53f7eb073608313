// Gradients of attention over whole sequences, without atomics (DV-3): the price is that p and its
// gradient are computed twice, for the queries' sums and for the keys'.
//   row_deltas   delta = sum of dout out, by row and head.
//   query_sums   A warpgroup keeps 64 packed rows and runs through the keys that they see.
//   key_sums     A warpgroup keeps 64 keys and runs through the packed rows that see them; a
//                group's heads lie among those rows, so that the sum runs over the group too.

#include "gpu/cuda/attention.cuh"
#include "gpu/cuda/hopper.cuh"

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

/// How both kernels cut the work: two warpgroups of 64 rows, or keys, share tiles of 64 of the
/// other, of which one is in use and one under way. A tile is [64][kHeadDim], in halves of at most
/// 64 columns, which products read from shared memory along rows or across them.
template <int kHeadDim>
struct BackwardCut {
  static constexpr int kGroups = 2;
  static constexpr int kThreads = kGroups * 128;
  static constexpr int kRows = 64;
  static constexpr int kHalves = kHeadDim > 64 ? 2 : 1;
  static constexpr int kColumns = kHeadDim / kHalves;
  static constexpr int kHalfBytes = kRows * kColumns * 2;
  static constexpr int kTileBytes = kHalves * kHalfBytes;
  static constexpr int kPairBytes = 2 * kTileBytes;     // Keys and values; or q and dout.
  static constexpr int kStages = kGroups * kPairBytes;  // After the pairs that are kept.
  static constexpr int kRing = 2;
  static constexpr int kStats = kStages + kRing * kPairBytes;
  static constexpr int kSharedBytes = kStats + kRing * 3 * kRows * 4;

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
  using Cut = BackwardCut<kHeadDim>;
  float at[Cut::kHalves][Cut::kColumns / 8][4] = {};

  /// += a times a tile's 64 rows.
  __device__ void add(const uint32_t (&a)[4][4], uint32_t tile) {
#pragma unroll
    for (int step = 0; step < 4; ++step) {
#pragma unroll
      for (int half = 0; half < Cut::kHalves; ++half)
        ptx::multiply_fragments(at[half], a[step], Cut::rows(tile, half, step));
    }
  }
  __device__ void done() {
    for (auto& half : at) ptx::products_done(half);
  }
  /// Row g (half 0) or g + 8 of each warp, scaled, as bf16.
  __device__ void write(Bf16* to, int half, float scale, uint32_t lane) const {
#pragma unroll
    for (int h = 0; h < Cut::kHalves; ++h) {
#pragma unroll
      for (int n = 0; n < Cut::kColumns / 8; ++n)
        *reinterpret_cast<uint32_t*>(to + h * Cut::kColumns + n * 8 + lane % 4 * 2) =
            ptx::pack(at[h][n][half * 2] * scale, at[h][n][half * 2 + 1] * scale);
    }
  }
};

/// c = a b^T over the columns of two tiles.
template <int kHeadDim>
__device__ void multiply_rows(float (&c)[8][4], uint32_t a, uint32_t b) {
  using Cut = BackwardCut<kHeadDim>;
#pragma unroll
  for (int step = 0; step < kHeadDim / 16; ++step)
    ptx::multiply_tiles(c, Cut::columns(a, step), Cut::columns(b, step), step > 0);
}

/// Starts the copies of 64 packed rows of q and of dout to `to`, by kThreads threads; rows beyond
/// the run's are 0.
template <int kHeadDim, int kThreads>
__device__ void load_packed(const AttendBackwardArgs& args, const DeviceRun& run,
                            const Divisor& group, uint32_t kv_head, uint32_t first, uint32_t to,
                            uint32_t thread) {
  using Cut = BackwardCut<kHeadDim>;
  constexpr int kChunks = kHeadDim / 8;
  const uint32_t rows = run.row_count * group.value;
#pragma unroll
  for (int begin = 0; begin < Cut::kRows * kChunks; begin += kThreads) {
    const uint32_t i = begin + thread;
    if (Cut::kRows * kChunks % kThreads != 0 && i >= Cut::kRows * kChunks) break;
    const uint32_t r = first + i / kChunks, bytes = r < rows ? 16 : 0;
    const PackedRow row = packed_row(min(r, rows - 1), group, kv_head);
    const size_t index = size_t{run.first_row} + row.step;
    const size_t column = row.head * kHeadDim + i % kChunks * 8;
    const uint32_t at = to + Cut::offset(i / kChunks, i % kChunks);
    ptx::copy_16(at, args.qkv + index * row_width(args.shape) + column, bytes);
    ptx::copy_16(at + Cut::kTileBytes, args.dout + index * args.shape.heads * kHeadDim + column,
                 bytes);
  }
}

/// The same of 64 keys and values.
template <int kHeadDim, int kThreads>
__device__ void load_keys(const RowKeys& source, uint32_t keys, uint32_t first, uint32_t to,
                          uint32_t thread) {
  using Cut = BackwardCut<kHeadDim>;
  constexpr int kChunks = kHeadDim / 8;
#pragma unroll
  for (int begin = 0; begin < Cut::kRows * kChunks; begin += kThreads) {
    const uint32_t i = begin + thread;
    if (Cut::kRows * kChunks % kThreads != 0 && i >= Cut::kRows * kChunks) break;
    const uint32_t key = first + i / kChunks, bytes = key < keys ? 16 : 0;
    const Bf16* const from = source.key(min(key, keys - 1)) + i % kChunks * 8;
    const uint32_t at = to + Cut::offset(i / kChunks, i % kChunks);
    ptx::copy_16(at, from, bytes);
    ptx::copy_16(at + Cut::kTileBytes, from + source.value_offset, bytes);
  }
}

template <int kHeadDim>
__global__ void __launch_bounds__(BackwardCut<kHeadDim>::kThreads)
    query_sums(AttendBackwardArgs args, Divisor group) {
  using Cut = BackwardCut<kHeadDim>;
  ptx::await_former();
  ptx::let_next_start();
  const uint32_t lane = threadIdx.x % 32, warpgroup = threadIdx.x / 128;
  const uint32_t kv_head = blockIdx.x % args.shape.kv_heads;
  const DeviceRun run = args.runs[blockIdx.x / args.shape.kv_heads];
  const uint32_t rows = run.row_count * group.value;
  constexpr uint32_t kBlockRows = Cut::kGroups * Cut::kRows;
  const uint32_t block_row = (gridDim.y - 1 - blockIdx.y) * kBlockRows;  // Most keys first.
  if (block_row >= rows) return;
  const uint32_t block_last = min(block_row + kBlockRows, rows) - 1;
  const int blocks = group.divide(block_last) / kBlockKeys + 1;
  const uint32_t first_row = block_row + warpgroup * Cut::kRows;
  int own_blocks = 0;  // Of keys that any row of the warpgroup sees.
  if (first_row < rows)
    own_blocks = group.divide(min(first_row + Cut::kRows, rows) - 1) / kBlockKeys + 1;
  const uint32_t all_see = group.divide(first_row) + 1;

  // A row beyond the run's is 0, and not written.
  const uint32_t warp_row = first_row + threadIdx.x % 128 / 32 * 16 + lane / 4;
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
  const uint32_t shared = ptx::shared_address(ptx::shared_memory());
  const uint32_t q = shared + warpgroup * Cut::kPairBytes, dout = q + Cut::kTileBytes;
  const RowKeys source(args.shape, args.qkv, DevicePages{}, run, kv_head);
  const auto load = [&](int block) {
    load_keys<kHeadDim, Cut::kThreads>(source, run.row_count, block * kBlockKeys,
                                       shared + Cut::kStages + block % Cut::kRing * Cut::kPairBytes,
                                       threadIdx.x);
    ptx::copies_commit();
  };
  load_packed<kHeadDim, 128>(args, run, group, kv_head, first_row, q, threadIdx.x % 128);
  load(0);

  // A block is there, and no product reads the one before.
  const auto reach = [&](int block) {
    ptx::copies_wait<0>();
    ptx::writes_visible_to_products();
    __syncthreads();
    if (block + 1 < blocks) load(block + 1);
  };
  GroupSums<kHeadDim> dq;
  for (int block = 0; block < own_blocks; ++block) {
    reach(block);
    const uint32_t first_key = block * kBlockKeys;
    const uint32_t keys = shared + Cut::kStages + block % Cut::kRing * Cut::kPairBytes;
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
    ptx::products_wait<0>();  // To keep few registers: two blocks of threads run beside each other.
    dq.done();
  }
  for (int block = own_blocks; block < blocks; ++block) reach(block);
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
__global__ void __launch_bounds__(BackwardCut<kHeadDim>::kThreads)
    key_sums(AttendBackwardArgs args, Divisor group) {
  using Cut = BackwardCut<kHeadDim>;
  ptx::await_former();
  ptx::let_next_start();
  const uint32_t lane = threadIdx.x % 32, warpgroup = threadIdx.x / 128;
  const uint32_t kv_head = blockIdx.x % args.shape.kv_heads;
  const DeviceRun run = args.runs[blockIdx.x / args.shape.kv_heads];
  const uint32_t block_key = blockIdx.y * Cut::kGroups * Cut::kRows;  // Those that most rows see.
  if (block_key >= run.row_count) return;
  const uint32_t first_key = block_key + warpgroup * Cut::kRows;
  const uint32_t warp_key = first_key + threadIdx.x % 128 / 32 * 16 + lane / 4;

  unsigned char* const memory = ptx::shared_memory();
  const uint32_t shared = ptx::shared_address(memory);
  const uint32_t keys = shared + warpgroup * Cut::kPairBytes, values = keys + Cut::kTileBytes;
  // By stage: lse, delta and positions of a tile's rows.
  float* const stats = reinterpret_cast<float*>(memory + Cut::kStats);
  const RowKeys source(args.shape, args.qkv, DevicePages{}, run, kv_head);
  load_keys<kHeadDim, 128>(source, run.row_count, first_key, keys, threadIdx.x % 128);
  const uint32_t rows = run.row_count * group.value;
  const uint32_t first_row = block_key * group.value;  // Of those that see a key of the block.
  const int row_tiles = (rows - first_row + Cut::kRows - 1) / Cut::kRows;
  const auto load = [&](int row_tile) {
    const uint32_t base = first_row + row_tile * Cut::kRows, stage = row_tile % Cut::kRing;
    load_packed<kHeadDim, Cut::kThreads>(args, run, group, kv_head, base,
                                         shared + Cut::kStages + stage * Cut::kPairBytes,
                                         threadIdx.x);
    if (threadIdx.x < Cut::kRows) {
      const uint32_t r = base + threadIdx.x, bytes = r < rows ? 4 : 0;
      const PackedRow row = packed_row(min(r, rows - 1), group, kv_head);
      const size_t index = (size_t{run.first_row} + row.step) * args.shape.heads + row.head;
      float* const at = stats + stage * 3 * Cut::kRows + threadIdx.x;
      ptx::copy_4(ptx::shared_address(at), args.lse + index, bytes);
      ptx::copy_4(ptx::shared_address(at + Cut::kRows), args.delta + index, bytes);
      *reinterpret_cast<uint32_t*>(at + 2 * Cut::kRows) = row.step;
    }
    ptx::copies_commit();
  };
  load(0);

  // A tile is there, and no product reads the one before.
  const auto reach = [&](int row_tile) {
    ptx::copies_wait<0>();
    ptx::writes_visible_to_products();
    __syncthreads();
    if (row_tile + 1 < row_tiles) load(row_tile + 1);
  };
  const int unseeing = (first_key - block_key) * group.value / Cut::kRows;  // Tiles.
  for (int row_tile = 0; row_tile < min(unseeing, row_tiles); ++row_tile) reach(row_tile);
  GroupSums<kHeadDim> dk, dv;
  for (int row_tile = unseeing; row_tile < row_tiles; ++row_tile) {
    reach(row_tile);
    const float* const lse = stats + row_tile % Cut::kRing * 3 * Cut::kRows;
    const float* const delta = lse + Cut::kRows;
    const auto* const positions = reinterpret_cast<const uint32_t*>(delta + Cut::kRows);
    const uint32_t q = shared + Cut::kStages + row_tile % Cut::kRing * Cut::kPairBytes;
    const uint32_t dout = q + Cut::kTileBytes;
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
    if (positions[0] < first_key + Cut::kRows - 1) {
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
  using Cut = BackwardCut<kHeadDim>;
  const AttendShape& shape = args.shape;
  const size_t count = args.rows * shape.heads;
  launch_early(row_deltas<kHeadDim>, dim3(blocks_for(count * (kHeadDim / 8), kDeltaThreads)),
               kDeltaThreads, 0, stream, "row_deltas", reinterpret_cast<const uint4*>(args.out),
               reinterpret_cast<const uint4*>(args.dout), count, args.delta);
  const Divisor group(shape.group());
  const uint32_t across = args.run_count * shape.kv_heads;
  constexpr uint32_t kBlockRows = Cut::kGroups * Cut::kRows;
  launch_early(query_sums<kHeadDim>,
               dim3(across, blocks_for(size_t{args.rows_max} * shape.group(), kBlockRows)),
               Cut::kThreads, Cut::kSharedBytes, stream, "query_sums", args, group);
  launch_early(key_sums<kHeadDim>, dim3(across, blocks_for(args.rows_max, kBlockRows)),
               Cut::kThreads, Cut::kSharedBytes, stream, "key_sums", args, group);
}

}  // namespace

void attend_backward(cudaStream_t stream, const AttendBackwardArgs& args) {
  if (args.run_count == 0 || args.rows_max == 0) return;
  with_head_size(args.shape, "attend_backward",
                 [&](auto size) { attend_backward_heads<decltype(size)::value>(stream, args); });
}

}  // namespace thespis::gpu::cuda
