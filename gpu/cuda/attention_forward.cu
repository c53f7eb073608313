// Attention over finished rows, by tiles: a block of threads per kv head and tile of packed rows;
// each warp runs through all its rows' pieces. What earlier pieces gave waits in shared memory.
// Runs of one row go to attention_pieces.cu; a query row's bits are the same there (AT-1, AT-2).

#include "gpu/cuda/attention_softmax.cuh"
#include "gpu/cuda/hopper.cuh"

namespace thespis::gpu::cuda {
namespace {

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
  ptx::await_former();
  ptx::let_next_start();
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
          args.qkv + size_t{run.first_row + row.step} * row_width(args.shape) + row.head * kHeadDim;
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
      output.write(state.out[tile], 0, half, state.max[tile][half], state.sum[tile][half], lane);
    }
  }
}

template <int kHeadDim, class Keys>
void launch_tiles(cudaStream_t stream, const AttendArgs& args) {
  using Cut = TileCut<kHeadDim>;
  const uint32_t rows = args.rows_max * args.shape.group();
  const dim3 grid(args.run_count * args.shape.kv_heads, (rows + Cut::kRows - 1) / Cut::kRows);
  launch_early(attend_tiles<kHeadDim, Keys>, grid, Cut::kThreads, Cut::kSharedBytes, stream,
               "attend_tiles", args, Divisor(args.shape.group()));
}

}  // namespace

void attend(cudaStream_t stream, const AttendArgs& args) {
  if (args.run_count == 0 || args.rows_max == 0) return;
  if (on_device::attend_finishes(args.shape, args.rows_max, args.pages.base != nullptr))
    return attend_pieces(stream, args);
  if (args.unfinished != nullptr)
    throw Error("attend: rows are finished by it only where each run is one row, in pages");
  with_head_size(args.shape, "attend", [&](auto size) {
    constexpr int kHeadDim = decltype(size)::value;
    if (args.pages.base == nullptr)
      launch_tiles<kHeadDim, RowKeys>(stream, args);
    else
      launch_tiles<kHeadDim, PageKeys>(stream, args);
  });
}

}  // namespace thespis::gpu::cuda
