// Attention over finished rows, by tiles: two warpgroups of a block of threads have 64 packed rows
// of a kv head each and run through the keys that they see, piece by piece. What earlier pieces
// gave waits in shared memory. Runs of one row go to attention_pieces.cu, which multiplies by
// warps: a query row's bits are the same there (AT-1, AT-2).

#include "gpu/cuda/attention_ring.cuh"
#include "gpu/cuda/attention_softmax.cuh"

namespace thespis::gpu::cuda {
namespace {

template <int kHeadDim>
struct TileCut : RowGroups<kHeadDim> {
  using Groups = RowGroups<kHeadDim>;
  static constexpr int kTileBytes = GroupTile<kHeadDim>::kBytes;
  static constexpr int kStageCount = Groups::kCopies ? 3 : 2;
  static constexpr int kStages = Groups::kGroups * kTileBytes;  // Of keys and values, after q.
  static constexpr int kWaiting = kStages + kStageCount * 2 * kTileBytes;
  static constexpr int kSlots = kHeadDim / 8 + 1;  // What waits of one thread.
  static constexpr int kBarriers = kWaiting + kSlots * Groups::kMultiplying * 16;
  static constexpr int kSharedBytes = kBarriers + kStageCount * 16;
};

/// A warpgroup's piece so far, or all pieces: sums of p v, and by row half the unscaled maximum and
/// the sum of p (this lane's part of it while the piece is open).
template <int kHeadDim>
struct GroupPiece {
  GroupSums<kHeadDim> out;
  float max[2], sum[2];

  template <class F>
  __device__ void each(const F& f) {  // f(slot, elements)
#pragma unroll
    for (int h = 0; h < GroupTile<kHeadDim>::kHalves; ++h) {
#pragma unroll
      for (int n = 0; n < out.kColumnTiles; ++n) f(h * out.kColumnTiles + n, out.at[h][n]);
    }
  }
  __device__ void open() {
    max[0] = max[1] = -INFINITY;
    sum[0] = sum[1] = 0;
    each([](int, float(&c)[4]) { c[0] = c[1] = c[2] = c[3] = 0; });
  }
  /// The softmax's step for scores of one block, which become p.
  __device__ void step(float (&s)[kBlockKeys / 8][4]) {
    float keep[2];
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const BlockStep step(max[half], block_top(s, half), kScale<kHeadDim>);
      keep[half] = step.keep;
      max[half] = step.max;
      sum[half] = __fmaf_rn(sum[half], keep[half], weigh(s, half, kScale<kHeadDim>, step.shift));
    }
    each([&](int, float(&c)[4]) {
#pragma unroll
      for (int i = 0; i < 4; ++i) c[i] = __fmul_rn(c[i], keep[i / 2]);
    });
  }
  /// Adds what waits from the pieces before; slots are kApart apart.
  template <int kApart>
  __device__ void merge(const float4* waiting) {
    const float4 before = waiting[kHeadDim / 8 * kApart];
    const MergeWeights w0(before.x, before.y, max[0], sum[0], kScale<kHeadDim>);
    const MergeWeights w1(before.z, before.w, max[1], sum[1], kScale<kHeadDim>);
    each([&](int slot, float(&c)[4]) {
      const float4 so_far = waiting[slot * kApart];
      c[0] = w0.merge(so_far.x, c[0]);
      c[1] = w0.merge(so_far.y, c[1]);
      c[2] = w1.merge(so_far.z, c[2]);
      c[3] = w1.merge(so_far.w, c[3]);
    });
  }
  template <int kApart>
  __device__ void keep(float4* waiting) {
    waiting[kHeadDim / 8 * kApart] = make_float4(max[0], sum[0], max[1], sum[1]);
    each([&](int slot, float(&c)[4]) {
      waiting[slot * kApart] = make_float4(c[0], c[1], c[2], c[3]);
    });
  }
};

template <int kHeadDim, class Keys>
__global__ void __launch_bounds__(TileCut<kHeadDim>::kThreads,
                                  TileCut<kHeadDim>::kBlocksPerMultiprocessor)
    attend_tiles(AttendArgs args, Divisor group) {
  using Cut = TileCut<kHeadDim>;
  ptx::await_former();
  ptx::let_next_start();
  const uint32_t lane = threadIdx.x % 32, warpgroup = warpgroup_of_thread();
  const uint32_t kv_head = blockIdx.x % args.shape.kv_heads;
  const DeviceRun run = args.runs[blockIdx.x / args.shape.kv_heads];
  const uint32_t rows = run.row_count * group.value;
  const uint32_t block_row = (gridDim.y - 1 - blockIdx.y) * Cut::kBlockRows;  // Most keys first.
  if (block_row >= rows) return;
  const auto position_of = [&](uint32_t row) { return run.first_position + group.divide(row); };
  const int blocks = position_of(min(block_row + Cut::kBlockRows, rows) - 1) / kBlockKeys + 1;
  unsigned char* const memory = ptx::shared_memory();
  const uint32_t shared = ptx::shared_address(memory);
  const auto keys_at = [&](int block) {
    return shared + Cut::kStages + block % Cut::kStageCount * 2 * Cut::kTileBytes;
  };
  const auto copies = [&](uint32_t part) {  // Keys, or their values.
    return [part, run, keys_at,
            source = Keys(args.shape, args.qkv, args.pages, run, kv_head)](int block) {
      load_keys<kHeadDim>(source, part * source.value_offset, run.first_position + run.row_count,
                          block * kBlockKeys, keys_at(block) + part * Cut::kTileBytes);
    };
  };
  const Ring<Cut, decltype(copies)> ring(shared + Cut::kBarriers, blocks, warpgroup, copies);
  if (!ring.open()) return;

  const uint32_t first_row = block_row + warpgroup * kGroupRows;
  int own_blocks = 0;  // Of keys that any row of the warpgroup sees.
  if (first_row < rows)
    own_blocks = position_of(min(first_row + kGroupRows, rows) - 1) / kBlockKeys + 1;
  const uint32_t all_see = position_of(first_row) + 1;
  // A row beyond the run's is 0, and not written.
  const uint32_t warp_row = first_row + threadIdx.x % kGroupThreads / 32 * 16 + lane / 4;
  const uint32_t positions[2] = {position_of(min(warp_row, rows - 1)),
                                 position_of(min(warp_row + 8, rows - 1))};
  const uint32_t q = shared + warpgroup * Cut::kTileBytes;
  load_packed<kHeadDim>(PackedRows<kHeadDim>(args.qkv, row_width(args.shape), run, group, kv_head),
                        group, first_row, q);
  ptx::copies_commit();
  own_copies_done(warpgroup);

  // Slot i of this thread is waiting[i * kMultiplying]; no other thread touches it.
  float4* const waiting = reinterpret_cast<float4*>(memory + Cut::kWaiting) + threadIdx.x;
  GroupPiece<kHeadDim> state;
  state.open();
  for (int block = 0; block < own_blocks; ++block) {
    ring.await(block);
    const uint32_t first_key = block * kBlockKeys;
    const uint32_t stage = keys_at(block);
    float s[kBlockKeys / 8][4];
    ptx::products_begin();
    multiply_rows<kHeadDim>(s, q, stage);
    ptx::products_commit();
    ptx::products_wait<0>();
    ptx::products_done(s);
    if (first_key + kBlockKeys > all_see) mask(s, first_key, positions, lane);
    state.step(s);
    uint32_t p[kBlockKeys / 16][4];
    pack_fragments<kBlockKeys / 8>(p, s);
    ptx::products_begin();
    state.out.add(p, stage + Cut::kTileBytes);
    ptx::products_commit();
    ptx::products_wait<0>();
    state.out.done();
    ring.release(block);

    const bool last = block + 1 == own_blocks;
    if (!last && (block + 1) % kPieceBlocks != 0) continue;
    for (float& x : state.sum) x = quad_sum(x);
    if (block >= kPieceBlocks) state.template merge<Cut::kMultiplying>(waiting);
    if (last) break;
    state.template keep<Cut::kMultiplying>(waiting);
    state.open();
  }
  ring.skip(own_blocks, blocks);

#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const uint32_t r = warp_row + half * 8;
    if (r >= rows) continue;
    const PackedRow row = packed_row(r, group, kv_head);
    const RowOutput<kHeadDim> output(args, size_t{run.first_row} + row.step, row.head);
#pragma unroll
    for (int h = 0; h < GroupTile<kHeadDim>::kHalves; ++h)
      output.write(state.out.at[h], h * GroupTile<kHeadDim>::kColumns, half, state.max[half],
                   state.sum[half], lane);
  }
}

template <int kHeadDim, class Keys>
void launch_tiles(cudaStream_t stream, const AttendArgs& args) {
  using Cut = TileCut<kHeadDim>;
  const size_t rows = size_t{args.rows_max} * args.shape.group();
  const dim3 grid(args.run_count * args.shape.kv_heads, blocks_for(rows, Cut::kBlockRows));
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
