// Attention over finished rows. A query row's bits are the same in both kernels here: AT-1, AT-2.
//   attend_tiles   A block of threads per kv head and tile of packed rows; each warp runs through
//                  all its rows' pieces. What earlier pieces gave waits in shared memory.
//   attend_pieces  Runs of one row, in pages: a warp per kv head and piece, for there are too few
//                  rows to fill the card otherwise. The last of a row's warps to finish merges.

#include <algorithm>
#include <string>

#include "gpu/cuda/attention.cuh"
#include "runtime/base/error.hpp"

namespace thespis::gpu::cuda {
namespace {

using on_device::kAttendPiece;

constexpr float kLn2 = 0.6931471805599453f;

/// Where the results of one row and head go.
template <int kHeadDim>
struct RowOutput {
  Bf16* out;
  float* lse;

  __device__ RowOutput(const AttendArgs& args, size_t row, uint32_t head)
      : out(args.out + (row * args.shape.heads + head) * kHeadDim),
        lse(args.lse ? args.lse + row * args.shape.heads + head : nullptr) {}
  /// Elements 2 half and 2 half + 1 of each accumulator tile belong to the row.
  __device__ void write(const float (&sums)[kHeadDim / 8][4], int half, float max, float sum,
                        uint32_t lane) const {
    const float inverse = __frcp_rn(sum);
#pragma unroll
    for (int n = 0; n < kHeadDim / 8; ++n) {
      *reinterpret_cast<uint32_t*>(out + n * 8 + lane % 4 * 2) = ptx::pack(
          __fmul_rn(sums[n][half * 2], inverse), __fmul_rn(sums[n][half * 2 + 1], inverse));
    }
    if (lse && lane % 4 == 0) {
      *lse = __fmaf_rn(__fmul_rn(max, kScale<kHeadDim>), kLn2, logf(sum));
    }
  }
};

/// How attend_tiles cuts the work. Two tiles of rows a warp halve what is read of shared memory for
/// each product; with wide heads there are not registers enough.
template <int kHeadDim>
struct TileCut {
  static constexpr int kTiles = kHeadDim >= 128 ? 1 : 2;
  static constexpr int kWarps = kHeadDim >= 128 ? 8 : 4;
  static constexpr int kThreads = kWarps * 32;
  static constexpr int kWarpRows = kTiles * 16;
  static constexpr int kRows = kWarps * kWarpRows;
  static constexpr int kBlocksPerMultiprocessor = kHeadDim >= 128 ? 1 : 2;
  static constexpr int kStageBytes = 2 * SharedTile<kHeadDim>::kBytes;
  static constexpr int kSlots = kHeadDim / 8 + 1;  // What waits of one tile and thread.
  static constexpr int kSharedBytes = 2 * kStageBytes + kTiles * kSlots * kThreads * 16;
};

template <int kHeadDim, class Keys>
__global__ void __launch_bounds__(TileCut<kHeadDim>::kThreads,
                                  TileCut<kHeadDim>::kBlocksPerMultiprocessor)
    attend_tiles(AttendArgs args, Divisor group) {
  using Cut = TileCut<kHeadDim>;
  using Tile = SharedTile<kHeadDim>;
  constexpr int kTiles = Cut::kTiles;
  const uint32_t lane = threadIdx.x % 32;
  const uint32_t kv_head = blockIdx.x % args.shape.kv_heads;
  const DeviceRun run = args.runs[blockIdx.x / args.shape.kv_heads];
  const uint32_t rows = run.row_count * group.value;
  const uint32_t block_row = (gridDim.y - 1 - blockIdx.y) * Cut::kRows;  // Most keys first.
  if (block_row >= rows) return;

  const uint32_t keys = run.first_position + run.row_count;
  const uint32_t block_last = min(block_row + Cut::kRows, rows) - 1;
  const int blocks = (run.first_position + group.divide(block_last)) / kBlockKeys + 1;
  const uint32_t warp_row = block_row + threadIdx.x / 32 * Cut::kWarpRows;
  int warp_blocks = 0;
  if (warp_row < rows) {
    const uint32_t warp_last = min(warp_row + Cut::kWarpRows, rows) - 1;
    warp_blocks = (run.first_position + group.divide(warp_last)) / kBlockKeys + 1;
  }
  const uint32_t sees_all_before = run.first_position + group.divide(warp_row) + 1;

  // A row beyond the run's is computed as its last one is, and not written.
  uint32_t positions[kTiles][2];
  uint32_t q[kTiles][kHeadDim / 16][4];
#pragma unroll
  for (int tile = 0; tile < kTiles; ++tile) {
    const Bf16* row_at[2];
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const uint32_t r = min(warp_row + tile * 16 + half * 8 + lane / 4, rows - 1);
      const PackedRow row = packed_row(r, group, kv_head);
      positions[tile][half] = run.first_position + row.step;
      row_at[half] =
          args.qkv + size_t{run.first_row + row.step} * row_size(args.shape) + row.head * kHeadDim;
    }
    load_fragments<kHeadDim>(q[tile], row_at[0], row_at[1], lane);
  }

  unsigned char* const shared = ptx::shared_memory();
  const uint32_t stages = ptx::shared_address(shared);
  // Slot i of this thread is waiting[i * kThreads]; no other thread touches it.
  constexpr int kSlots = Cut::kSlots;
  float4* const waiting = reinterpret_cast<float4*>(shared + 2 * Cut::kStageBytes) + threadIdx.x;
  const Keys source(args.shape, args.qkv, args.pages, run, kv_head);
  const auto load = [&](int block) {
    load_block<kHeadDim, Cut::kThreads>(source, stages + block % 2 * Cut::kStageBytes, block, keys);
  };

  const uint32_t keys_lane = stages + Tile::rows_offset(lane);
  const uint32_t values_lane = stages + Tile::kBytes + Tile::columns_offset(lane);
  PieceState<kHeadDim, kTiles> state;
  state.open();
  load(0);
  for (int block = 0; block < blocks; ++block) {
    ptx::copies_wait<0>();
    __syncthreads();  // The block is there, and all warps are done with the one before.
    if (block + 1 < blocks) load(block + 1);
    if (block >= warp_blocks) continue;
    const uint32_t stage = block % 2 * Cut::kStageBytes;
    const bool masked = (block + 1) * kBlockKeys > sees_all_before;
    uint32_t p[kTiles][kBlockKeys / 16][4];
    score_block(state, p, q, keys_lane + stage, block * kBlockKeys, positions, masked, lane);
    state.add_values(p, values_lane + stage);

    const bool last = block + 1 == warp_blocks;
    if (!last && (block + 1) % kPieceBlocks != 0) continue;
    state.close();
#pragma unroll
    for (int tile = 0; tile < kTiles; ++tile) {
      float4* const slots = waiting + tile * kSlots * Cut::kThreads;
      float4* const stats = slots + (kSlots - 1) * Cut::kThreads;
      float(&max)[2] = state.max[tile];
      float(&sum)[2] = state.sum[tile];
      if (block >= kPieceBlocks) {
        const float4 before = *stats;
        const MergeWeights w0(before.x, before.y, max[0], sum[0], kScale<kHeadDim>);
        const MergeWeights w1(before.z, before.w, max[1], sum[1], kScale<kHeadDim>);
#pragma unroll
        for (int n = 0; n < kHeadDim / 8; ++n) {
          const float4 so_far = slots[n * Cut::kThreads];
          float(&out)[4] = state.out[tile][n];
          out[0] = w0.merge(so_far.x, out[0]);
          out[1] = w0.merge(so_far.y, out[1]);
          out[2] = w1.merge(so_far.z, out[2]);
          out[3] = w1.merge(so_far.w, out[3]);
        }
      }
      if (last) continue;
      *stats = make_float4(max[0], sum[0], max[1], sum[1]);
#pragma unroll
      for (int n = 0; n < kHeadDim / 8; ++n) {
        const float(&out)[4] = state.out[tile][n];
        slots[n * Cut::kThreads] = make_float4(out[0], out[1], out[2], out[3]);
      }
    }
    if (!last) state.open();
  }

#pragma unroll
  for (int tile = 0; tile < kTiles; ++tile) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const uint32_t r = warp_row + tile * 16 + half * 8 + lane / 4;
      if (r >= rows) continue;
      const PackedRow row = packed_row(r, group, kv_head);
      const RowOutput<kHeadDim> output(args, size_t{run.first_row} + row.step, row.head);
      output.write(state.out[tile], half, state.max[tile][half], state.sum[tile][half], lane);
    }
  }
}

/// Tiles of keys and of values that a warp of attend_pieces has under way or in use.
constexpr int kRing = 4;
/// A group's rows are one tile of a product.
constexpr uint32_t kGroupMax = 16;

/// Scratch of attend_pieces: for each run, kv head and piece the sums [group][head_dim], then
/// maximum and sum [group][2]; and a count of finished pieces by run and kv head.
struct PieceScratch {
  float* parts;
  uint32_t* finished;
  uint32_t pieces_max;
};

/// One piece of one kv head's keys against its group's heads of one row. All lanes call.
template <int kHeadDim>
__device__ void attend_piece(PieceState<kHeadDim, 1>& state, const PageKeys& source,
                             const uint32_t (&q)[1][kHeadDim / 16][4], uint32_t piece,
                             uint32_t keys, uint32_t lane) {
  using Tile = SharedTile<kHeadDim>;
  const uint32_t ring = ptx::shared_address(ptx::shared_memory());
  const uint32_t first_key = piece * kAttendPiece;
  const int blocks = min((keys - first_key + kBlockKeys - 1) / kBlockKeys, uint32_t{kPieceBlocks});
  // The piece's page numbers, one a lane; page 0 where the run has no more.
  constexpr uint32_t kPages = kAttendPiece / kPageTokens;
  static_assert(kPages <= 32);
  const uint32_t lane_key = first_key + lane * kPageTokens;
  const bool has_page = lane < kPages && lane_key < keys;
  const uint32_t lane_page = has_page ? __ldg(source.table + lane_key / kPageTokens) : 0;
  const auto load = [&](int item) {  // Even: a block's keys. Odd: its values.
    if (item < blocks * 2) {
      const uint32_t to = ring + item % kRing * Tile::kBytes;
      const size_t offset = (item % 2 == 0 ? 0 : source.value_offset) + lane * 8;
      const uint32_t chunk = lane % Tile::kChunks;
#pragma unroll
      for (int page = 0; page < kBlockKeys / int{kPageTokens}; ++page) {
        const uint32_t index = item / 2 * (kBlockKeys / kPageTokens) + page;
        const uint32_t number = __shfl_sync(~0u, lane_page, index);
        const Bf16* const from = source.first + number * source.page_stride + offset;
        const uint32_t left =
            max(keys, first_key + index * kPageTokens) - (first_key + index * kPageTokens);
#pragma unroll
        for (int i = 0; i < int{kPageTokens} * Tile::kChunks; i += 32) {
          const uint32_t row = (i + lane) / Tile::kChunks;
          ptx::copy_16(to + Tile::offset(page * kPageTokens + row, chunk), from + i * 8,
                       row < left ? 16 : 0);
        }
      }
    }
    ptx::copies_commit();  // An empty group too: the waits below count groups.
  };
  const uint32_t positions[1][2] = {{keys - 1, keys - 1}};
  const uint32_t keys_lane = ring + Tile::rows_offset(lane);
  const uint32_t values_lane = ring + Tile::columns_offset(lane);
  state.open();
  __syncwarp();  // The piece before this one has been read.
  for (int item = 0; item < kRing - 1; ++item) load(item);
  for (int block = 0; block < blocks; ++block) {
    uint32_t p[1][kBlockKeys / 16][4];
    ptx::copies_wait<kRing - 2>();
    __syncwarp();  // The keys are there, and the slot filled next has been read.
    load(block * 2 + kRing - 1);
    const uint32_t block_key = first_key + block * kBlockKeys;
    score_block(state, p, q, keys_lane + block * 2 % kRing * Tile::kBytes, block_key, positions,
                block_key + kBlockKeys > keys, lane);
    ptx::copies_wait<kRing - 2>();
    __syncwarp();
    load(block * 2 + kRing);
    state.add_values(p, values_lane + (block * 2 + 1) % kRing * Tile::kBytes);
  }
  state.close();
}

template <int kHeadDim>
__global__ void __launch_bounds__(32) attend_pieces(AttendArgs args, PieceScratch scratch) {
  const uint32_t lane = threadIdx.x;
  const uint32_t kv_head = blockIdx.y;
  const DeviceRun run = args.runs[blockIdx.z];
  const uint32_t keys = run.first_position + run.row_count;
  const uint32_t pieces = (keys + kAttendPiece - 1) / kAttendPiece;
  if (run.row_count == 0 || blockIdx.x >= pieces) return;

  const uint32_t group = args.shape.heads / args.shape.kv_heads;
  const uint32_t first_head = kv_head * group;
  uint32_t q[1][kHeadDim / 16][4];
  const Bf16* const heads = args.qkv + size_t{run.first_row} * row_size(args.shape);
  load_fragments<kHeadDim>(q[0], heads + (first_head + min(lane / 4, group - 1)) * kHeadDim,
                           heads + (first_head + min(lane / 4 + 8, group - 1)) * kHeadDim, lane);

  const PageKeys source(args.shape, args.qkv, args.pages, run, kv_head);
  const uint32_t pair = blockIdx.z * args.shape.kv_heads + kv_head;
  const size_t part_floats = size_t{group} * (kHeadDim + 2);
  float* const parts = scratch.parts + size_t{pair} * scratch.pieces_max * part_floats;
  PieceState<kHeadDim, 1> state;
  uint32_t mine = 0;
  for (uint32_t piece = blockIdx.x; piece < pieces; piece += gridDim.x, ++mine) {
    attend_piece<kHeadDim>(state, source, q, piece, keys, lane);
    if (pieces == 1) break;
    float* const part = parts + piece * part_floats;
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const uint32_t r = lane / 4 + half * 8;
      if (r >= group) continue;
      float2* const sums = reinterpret_cast<float2*>(part + r * kHeadDim) + lane % 4;
#pragma unroll
      for (int n = 0; n < kHeadDim / 8; ++n) {
        sums[n * 4] = make_float2(state.out[0][n][half * 2], state.out[0][n][half * 2 + 1]);
      }
      if (lane % 4 == 0) {
        reinterpret_cast<float2*>(part + group * kHeadDim)[r] =
            make_float2(state.max[0][half], state.sum[0][half]);
      }
    }
  }

  if (pieces > 1) {
    __threadfence();
    __syncwarp();
    uint32_t finished = 0;
    if (lane == 0) finished = atomicAdd(&scratch.finished[pair], mine) + mine;
    if (__shfl_sync(~0u, finished, 0) != pieces) return;
    __threadfence();
    if (lane == 0) scratch.finished[pair] = 0;
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const uint32_t r = min(lane / 4 + half * 8, group - 1);
      for (uint32_t piece = 0; piece < pieces; ++piece) {
        const float* const part = parts + piece * part_floats;
        const float2* const sums = reinterpret_cast<const float2*>(part + r * kHeadDim) + lane % 4;
        const float2 next = __ldcg(reinterpret_cast<const float2*>(part + group * kHeadDim) + r);
        float2 piece_sums[kHeadDim / 8];
#pragma unroll
        for (int n = 0; n < kHeadDim / 8; ++n) piece_sums[n] = __ldcg(sums + n * 4);
        if (piece == 0) {
          state.max[0][half] = next.x;
          state.sum[0][half] = next.y;
#pragma unroll
          for (int n = 0; n < kHeadDim / 8; ++n) {
            state.out[0][n][half * 2] = piece_sums[n].x;
            state.out[0][n][half * 2 + 1] = piece_sums[n].y;
          }
          continue;
        }
        float& max = state.max[0][half];
        float& sum = state.sum[0][half];
        float next_max = next.x, next_sum = next.y;
        const MergeWeights w(max, sum, next_max, next_sum, kScale<kHeadDim>);
        max = next_max;
        sum = next_sum;
#pragma unroll
        for (int n = 0; n < kHeadDim / 8; ++n) {
          float(&out)[4] = state.out[0][n];
          out[half * 2] = w.merge(out[half * 2], piece_sums[n].x);
          out[half * 2 + 1] = w.merge(out[half * 2 + 1], piece_sums[n].y);
        }
      }
    }
  }
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const uint32_t r = lane / 4 + half * 8;
    if (r >= group) continue;
    const RowOutput<kHeadDim> output(args, run.first_row, first_head + r);
    output.write(state.out[0], half, state.max[0][half], state.sum[0][half], lane);
  }
}

template <int kHeadDim, class Keys>
void launch_tiles(cudaStream_t stream, const AttendArgs& args) {
  using Cut = TileCut<kHeadDim>;
  const uint32_t rows = args.rows_max * args.shape.group();
  const dim3 grid(args.run_count * args.shape.kv_heads, (rows + Cut::kRows - 1) / Cut::kRows);
  ptx::launch(attend_tiles<kHeadDim, Keys>, grid, Cut::kThreads, Cut::kSharedBytes, stream,
              "attend_tiles", args, Divisor(args.shape.group()));
}

template <int kHeadDim>
void launch_pieces(cudaStream_t stream, const AttendArgs& args) {
  const AttendShape& shape = args.shape;
  const uint32_t pieces_max = (args.keys_max + kAttendPiece - 1) / kAttendPiece;
  const size_t pairs = size_t{args.run_count} * shape.kv_heads;
  // The counts are 0 between calls: whoever finishes a pair's last piece clears its count.
  auto* finished = static_cast<uint32_t*>(args.scratch);
  if (pairs > on_device::kAttendCounts)
    throw Error("cuda: attention of " + std::to_string(pairs) +
                " runs and heads at once: at most " + std::to_string(on_device::kAttendCounts));
  const PieceScratch scratch{reinterpret_cast<float*>(finished + on_device::kAttendCounts),
                             finished, pieces_max};
  // keys_max may be far above what the runs have: beyond this many blocks, a warp takes several
  // pieces, rather than have most blocks start for nothing.
  constexpr size_t kBlocksEnough = 16384;
  const auto across = std::min<size_t>(pieces_max, (kBlocksEnough + pairs - 1) / pairs);
  const dim3 grid(static_cast<uint32_t>(across), shape.kv_heads, args.run_count);
  ptx::launch(attend_pieces<kHeadDim>, grid, 32, kRing * SharedTile<kHeadDim>::kBytes, stream,
              "attend_pieces", args, scratch);
}

template <int kHeadDim>
void attend_heads(cudaStream_t stream, const AttendArgs& args) {
  if (args.pages.base == nullptr) {
    launch_tiles<kHeadDim, RowKeys>(stream, args);
  } else if (args.rows_max == 1 && args.shape.group() <= kGroupMax) {  // The scratch's limit.
    launch_pieces<kHeadDim>(stream, args);
  } else {
    launch_tiles<kHeadDim, PageKeys>(stream, args);
  }
}

}  // namespace

void attend(cudaStream_t stream, const AttendArgs& args) {
  if (args.run_count == 0 || args.rows_max == 0) return;
  const uint32_t size = args.shape.head_dim;
  const auto call = size == 16    ? attend_heads<16>
                    : size == 32  ? attend_heads<32>
                    : size == 64  ? attend_heads<64>
                    : size == 128 ? attend_heads<128>
                                  : nullptr;
  if (call == nullptr) {
    throw Error("attend: a head size of " + std::to_string(size) +
                "; on a card it must be 16, 32, 64 or 128");
  }
  call(stream, args);
}

}  // namespace thespis::gpu::cuda
