// Attention of runs of one row, in pages: a decode step's. There are few rows, so a block of
// threads takes one piece of one kv head, and each of its warps one of the piece's blocks of keys:
// scores and p of all blocks at once, then the sums of p v, where a warp has some of the columns.
// What a row's bits depend on is the order of these sums, which is that of attend_tiles (AT-1). The
// last of a row's blocks of threads to finish merges the pieces.

#include <algorithm>

#include "gpu/cuda/attention_rows.cuh"
#include "gpu/cuda/attention_softmax.cuh"
#include "gpu/cuda/hopper.cuh"

namespace thespis::gpu::cuda {
namespace {

using on_device::kAttendGroupMax;
using on_device::kAttendPiece;

constexpr int kWarps = kPieceWarps, kThreads = kPieceThreads;
constexpr int kPRegisters = kBlockKeys / 16 * 4;  // Of p, in a lane.
static_assert(kAttendGroupMax == 16, "a group's rows are one tile of a product");

/// For each run, kv head and piece the sums [group][head_dim], then maximum and sum [group][2]; and
/// a count of finished pieces by run and kv head.
struct PieceScratch {
  float* parts;
  uint32_t* finished;
  uint32_t pieces_max;
};

/// `kInPlace`: values take the place of keys, which they wait for, so that more blocks of threads
/// have room.
template <int kHeadDim, bool kInPlace>
struct PieceCut {
  using Tile = SharedTile<kHeadDim>;
  static constexpr int kKeyBytes = kWarps * Tile::kBytes;
  static constexpr int kValues = kInPlace ? 0 : kKeyBytes;
  /// The group's finished rows, a tile of 16; read before there is any p.
  static constexpr int kQ = kValues + kKeyBytes;
  /// p of each warp, in the place of its keys unless values have that.
  static constexpr int kPBytes = kPRegisters * 32 * 4;
  static constexpr int kP = kInPlace ? kQ : 0;
  static constexpr int kPStride = kInPlace ? kPBytes : Tile::kBytes;
  static constexpr int kTops = kQ + (kInPlace ? kWarps * kPBytes : 16 * Tile::kRowBytes);
  static constexpr int kSums = kTops + kWarps * 16 * 4;
  static constexpr int kSharedBytes = kSums + kWarps * 2 * 32 * 4;
  static_assert(kPStride >= kPBytes && kWarps * kPBytes >= 16 * Tile::kRowBytes);
  /// Columns of a warp's sums, as tiles of 8; a narrow head has none for some warps.
  static constexpr int kColumnTiles = kHeadDim >= 64 ? kHeadDim / 8 / kWarps : 2;
};

/// Of the group's rows g and g + 8 and this warp's columns; the same maximum and sum in all warps.
template <int kHeadDim>
struct PieceSums {
  static constexpr int kColumnTiles = PieceCut<kHeadDim, true>::kColumnTiles;
  float out[kColumnTiles][4];
  float max[2], sum[2];
};

/// One piece. `q` are its rows as fragments, `key_block` this warp's keys, under way to shared
/// memory as groups of copies: keys, then (unless in place) values.
template <int kHeadDim, bool kInPlace>
__device__ void attend_piece(PieceSums<kHeadDim>& state, const uint32_t (&q)[kHeadDim / 16][4],
                             const KeyBlock<kHeadDim>& key_block, unsigned char* shared,
                             uint32_t blocks) {
  using Cut = PieceCut<kHeadDim, kInPlace>;
  using Tile = SharedTile<kHeadDim>;
  constexpr float scale = kScale<kHeadDim>;
  const uint32_t lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const uint32_t tiles = ptx::shared_address(shared), own = tiles + warp * Tile::kBytes;
  float* const tops = reinterpret_cast<float*>(shared + Cut::kTops);
  float* const sums = reinterpret_cast<float*>(shared + Cut::kSums);
  const auto p_at = [&](uint32_t b, int step) -> uint4& {
    return reinterpret_cast<uint4*>(shared + Cut::kP + b * Cut::kPStride)[step * 32 + lane];
  };

  float s[kBlockKeys / 8][4];
  if constexpr (kInPlace)
    ptx::copies_wait<0>();
  else
    ptx::copies_wait<1>();
  __syncwarp();
  if (warp < blocks) {
    score<kHeadDim>(s, q, own + Tile::rows_offset(lane));
    const uint32_t positions[2] = {key_block.keys - 1, key_block.keys - 1};
    if (key_block.has_last()) mask(s, key_block.first_key, positions, lane);
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const float top = block_top(s, half);
      if (lane % 4 == 0) tops[warp * 16 + half * 8 + lane / 4] = top;
    }
    if constexpr (kInPlace) {
      __syncwarp();  // All lanes have read the keys.
      key_block.load(own, key_block.source->value_offset, false);
      ptx::copies_commit();
    }
  }
  __syncthreads();

  // Each warp follows the maximum through the blocks.
  float keep[kWarps][2];
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    float max = -INFINITY, shift = 0;
#pragma unroll
    for (int b = 0; b < kWarps; ++b) {
      if (b >= static_cast<int>(blocks)) break;
      const BlockStep step(max, tops[b * 16 + half * 8 + lane / 4], scale);
      max = step.max;
      keep[b][half] = step.keep;
      if (b == static_cast<int>(warp)) shift = step.shift;
    }
    state.max[half] = max;
    if (warp < blocks) sums[(warp * 2 + half) * 32 + lane] = weigh(s, half, scale, shift);
  }
  if (warp < blocks) {
    uint32_t p[kBlockKeys / 16][4];
    pack_fragments<kBlockKeys / 8>(p, s);
#pragma unroll
    for (int step = 0; step < kBlockKeys / 16; ++step)
      p_at(warp, step) = make_uint4(p[step][0], p[step][1], p[step][2], p[step][3]);
  }
  ptx::copies_wait<0>();
  __syncthreads();

  constexpr int kColumnTiles = Cut::kColumnTiles;
  const bool has_columns = static_cast<int>(warp) * kColumnTiles * 8 < kHeadDim;
  each_element<1, kColumnTiles>([&](int, int n, int i) { state.out[n][i] = 0; });
  state.sum[0] = state.sum[1] = 0;
#pragma unroll
  for (int b = 0; b < kWarps; ++b) {
    if (b >= static_cast<int>(blocks)) break;
#pragma unroll
    for (int half = 0; half < 2; ++half)
      state.sum[half] = __fmaf_rn(state.sum[half], keep[b][half], sums[(b * 2 + half) * 32 + lane]);
    each_element<1, kColumnTiles>(
        [&](int, int n, int i) { state.out[n][i] = __fmul_rn(state.out[n][i], keep[b][i / 2]); });
    if (!has_columns) continue;
    const uint32_t values = tiles + Cut::kValues + b * Tile::kBytes + Tile::columns_offset(lane);
#pragma unroll
    for (int step = 0; step < kBlockKeys / 16; ++step) {
      const uint4 a4 = p_at(b, step);
      const uint32_t a[4] = {a4.x, a4.y, a4.z, a4.w};
#pragma unroll
      for (int n = 0; n < kColumnTiles; n += 2) {
        uint32_t v[4];
        Tile::load_columns(v, values, step * 16, (warp * kColumnTiles + n) / 2);
        ptx::multiply(state.out[n], a, v[0], v[1]);
        ptx::multiply(state.out[n + 1], a, v[2], v[3]);
      }
    }
  }
  for (float& x : state.sum) x = quad_sum(x);
}

/// This warp's columns of a piece, to where the merge finds them.
template <int kHeadDim>
__device__ void keep_part(const PieceSums<kHeadDim>& state, float* part, uint32_t group) {
  constexpr int kColumnTiles = PieceSums<kHeadDim>::kColumnTiles;
  const uint32_t lane = threadIdx.x % 32, column = threadIdx.x / 32 * kColumnTiles * 8;
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const uint32_t r = lane / 4 + half * 8;
    if (r >= group || column >= kHeadDim) continue;
    float2* const sums = reinterpret_cast<float2*>(part + r * kHeadDim + column) + lane % 4;
#pragma unroll
    for (int n = 0; n < kColumnTiles; ++n)
      sums[n * 4] = make_float2(state.out[n][half * 2], state.out[n][half * 2 + 1]);
    if (column == 0 && lane % 4 == 0)
      reinterpret_cast<float2*>(part + group * kHeadDim)[r] =
          make_float2(state.max[half], state.sum[half]);
  }
}

/// All pieces, in order.
template <int kHeadDim>
__device__ void merge_parts(PieceSums<kHeadDim>& state, const float* parts, size_t part_floats,
                            uint32_t pieces, uint32_t group) {
  constexpr int kColumnTiles = PieceSums<kHeadDim>::kColumnTiles;
  const uint32_t lane = threadIdx.x % 32;
  const uint32_t column = min(threadIdx.x / 32 * kColumnTiles * 8, kHeadDim - kColumnTiles * 8);
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const uint32_t r = min(lane / 4 + half * 8, group - 1);
    for (uint32_t piece = 0; piece < pieces; ++piece) {
      const float* const part = parts + piece * part_floats;
      const float2* const sums =
          reinterpret_cast<const float2*>(part + r * kHeadDim + column) + lane % 4;
      const float2 next = __ldcg(reinterpret_cast<const float2*>(part + group * kHeadDim) + r);
      float2 more[kColumnTiles];
#pragma unroll
      for (int n = 0; n < kColumnTiles; ++n) more[n] = __ldcg(sums + n * 4);
      float next_max = next.x, next_sum = next.y;
      if (piece > 0) {
        const MergeWeights w(state.max[half], state.sum[half], next_max, next_sum,
                             kScale<kHeadDim>);
#pragma unroll
        for (int n = 0; n < kColumnTiles; ++n) {
          more[n].x = w.merge(state.out[n][half * 2], more[n].x);
          more[n].y = w.merge(state.out[n][half * 2 + 1], more[n].y);
        }
      }
      state.max[half] = next_max;
      state.sum[half] = next_sum;
#pragma unroll
      for (int n = 0; n < kColumnTiles; ++n) {
        state.out[n][half * 2] = more[n].x;
        state.out[n][half * 2 + 1] = more[n].y;
      }
    }
  }
}

/// True in the block of threads that is the last to finish pieces of its pair: `mine` are done. It
/// sees what the others wrote.
__device__ bool finishes_last(uint32_t* finished, uint32_t mine, uint32_t pieces) {
  __syncthreads();
  uint32_t before = 0;
  if (threadIdx.x == 0)
    asm volatile("atom.add.acq_rel.gpu.global.u32 %0, [%1], %2;"
                 : "=r"(before)
                 : "l"(finished), "r"(mine)
                 : "memory");
  if (__syncthreads_or(threadIdx.x == 0 && before + mine == pieces) == 0) return false;
  if (threadIdx.x == 0) *finished = 0;
  return true;
}

template <int kHeadDim, bool kInPlace>
__global__ void __launch_bounds__(kThreads)
    pieces_kernel(AttendArgs args, FinishQkvArgs unfinished, PieceScratch scratch) {
  using Cut = PieceCut<kHeadDim, kInPlace>;
  using Tile = SharedTile<kHeadDim>;
  unsigned char* const shared = ptx::shared_memory();
  const uint32_t lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const uint32_t kv_head = blockIdx.y;
  const DeviceRun run = args.runs[blockIdx.z];
  const uint32_t keys = run.first_position + run.row_count;
  const uint32_t pieces = (keys + kAttendPiece - 1) / kAttendPiece;
  if (run.row_count == 0 || blockIdx.x >= pieces) return ptx::await_former();

  const uint32_t group = args.shape.heads / args.shape.kv_heads, first_head = kv_head * group;
  const PageKeys source(args.shape, args.qkv, args.pages, run, kv_head);
  const uint32_t own = ptx::shared_address(shared) + warp * Tile::kBytes;
  const auto load = [&](const KeyBlock<kHeadDim>& block, bool without_own) {
    if (block.exists()) block.load(own, 0, without_own);
    ptx::copies_commit();
    if constexpr (!kInPlace) {
      if (block.exists()) block.load(own + Cut::kValues, source.value_offset, without_own);
      ptx::copies_commit();
    }
  };
  const auto block_of = [&](uint32_t piece) {
    return KeyBlock<kHeadDim>(source, piece * kAttendPiece + warp * kBlockKeys, keys, lane);
  };
  // The row's own key is not there yet; all others come in while the product before this ends.
  const bool finishes = unfinished.in != nullptr, inserts = finishes && blockIdx.x + 1 == pieces;
  KeyBlock<kHeadDim> block = block_of(blockIdx.x);
  const bool early = inserts || !block.has_last();
  if (early) load(block, inserts);
  ptx::await_former();
  ptx::let_next_start();

  unsigned char* const q_tile = shared + Cut::kQ;
  for (uint32_t i = threadIdx.x; i < 16 * Tile::kChunks; i += kThreads)
    if (i / Tile::kChunks >= group)  // Rows of no head.
      *reinterpret_cast<uint4*>(q_tile + Tile::offset(i / Tile::kChunks, i % Tile::kChunks)) = {};
  if (finishes) {
    const uint32_t own_key = (keys - 1) % kAttendPiece;
    unsigned char* const own_tile = shared + own_key / kBlockKeys * Tile::kBytes;
    const auto insert = [&](const Unit& u, uint32_t column) -> unsigned char* {
      if (!inserts || (kInPlace && !u.rotates)) return nullptr;
      return own_tile + (u.rotates ? 0 : Cut::kValues) +
             Tile::offset(own_key % kBlockKeys, column / 8);
    };
    finish_group<kHeadDim>(unfinished, run, kv_head, group, (pieces - 1) % gridDim.x == blockIdx.x,
                           q_tile, insert);
  } else {
    copy_group<kHeadDim>(
        args.qkv + size_t{run.first_row} * row_width(args.shape) + first_head * kHeadDim, group,
        q_tile);
  }
  __syncthreads();
  if (!early) load(block, false);
  uint32_t q[kHeadDim / 16][4];
  const uint32_t q_lane = ptx::shared_address(q_tile) + Tile::columns_offset(lane);
#pragma unroll
  for (int step = 0; step < kHeadDim / 16; ++step)
    ptx::load_matrices(q[step], q_lane ^ (step * 32));

  const uint32_t pair = blockIdx.z * args.shape.kv_heads + kv_head;
  const size_t part_floats = size_t{group} * (kHeadDim + 2);
  float* const parts = scratch.parts + size_t{pair} * scratch.pieces_max * part_floats;
  PieceSums<kHeadDim> state;
  uint32_t mine = 0;
  for (uint32_t piece = blockIdx.x; piece < pieces; piece += gridDim.x, ++mine) {
    if (piece != blockIdx.x) {
      __syncthreads();  // The piece before this one has been read.
      block = block_of(piece);
      load(block, false);
    }
    const uint32_t blocks =
        min((keys - piece * kAttendPiece + kBlockKeys - 1) / kBlockKeys, uint32_t{kWarps});
    attend_piece<kHeadDim, kInPlace>(state, q, block, shared, blocks);
    if (pieces > 1) keep_part<kHeadDim>(state, parts + piece * part_floats, group);
  }
  if (pieces > 1) {
    if (!finishes_last(scratch.finished + pair, mine, pieces)) return;
    merge_parts<kHeadDim>(state, parts, part_floats, pieces, group);
  }
  const uint32_t column = warp * Cut::kColumnTiles * 8;
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const uint32_t r = lane / 4 + half * 8;
    if (r >= group || column >= kHeadDim) continue;
    const RowOutput<kHeadDim> output(args, run.first_row, first_head + r);
    output.write(state.out, column, half, state.max[half], state.sum[half], lane);
  }
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
  // keys_max may be far above what the runs have: beyond this many blocks, one takes several
  // pieces, rather than have most start for nothing.
  constexpr size_t kBlocksEnough = 16384;
  const auto across = std::min<size_t>(pieces_max, (kBlocksEnough + pairs - 1) / pairs);
  const auto launch = [&](auto in_place) {
    constexpr bool kInPlace = decltype(in_place)::value;
    launch_early(pieces_kernel<kHeadDim, kInPlace>,
                 dim3(static_cast<uint32_t>(across), shape.kv_heads, args.run_count), kThreads,
                 PieceCut<kHeadDim, kInPlace>::kSharedBytes, stream, "attend_pieces", args,
                 args.unfinished != nullptr ? *args.unfinished : FinishQkvArgs{}, scratch);
  };
  // Three a multiprocessor have room beside each other with values apart.
  constexpr size_t kBlocksApart = 3 * 132;
  if (kHeadDim >= 128 || across * pairs > kBlocksApart) return launch(std::true_type());
  if constexpr (kHeadDim < 128) launch(std::false_type());
}

}  // namespace

void attend_pieces(cudaStream_t stream, const AttendArgs& args) {
  with_head_size(args.shape, "attend",
                 [&](auto size) { launch_pieces<decltype(size)::value>(stream, args); });
}

}  // namespace thespis::gpu::cuda
