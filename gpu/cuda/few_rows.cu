// A block of threads per 64 rows of weights and kTokens rows of x: four warps multiply, one lane of
// a fifth has the copy engine fill a ring of stages, each kFewRowsStep columns of both.

#include "gpu/cuda/few_rows.hpp"

#include <string>

#include "gpu/cuda/hopper.cuh"
#include "gpu/cuda/swiglu.cuh"
#include "runtime/base/error.hpp"

namespace thespis::gpu::cuda {
namespace {

constexpr int kFeatures = 64;  // Rows of weights in a tile.
constexpr int kColumns = 64;   // Of a tile: 128 bytes, what the copy engine permutes.
constexpr int kTiles = kFewRowsStep / kColumns;  // Of each kind in a stage, by K.
constexpr int kMultiplying = 128;
constexpr int kThreads = kMultiplying + 32;
constexpr int kWeightTile = kFeatures * kColumns * 2;

template <int kTokens>
struct Cut {
  static constexpr int kTile = kTokens * kColumns * 2;
  static constexpr int kStageBytes = kTiles * (kWeightTile + kTile);
  static constexpr int kSlotBytes = kStageBytes + 16;  // With its barriers.
};
constexpr int kSharedBytes = 98304;      // So that two blocks fit a multiprocessor,
constexpr int kSharedBytesMax = 212992;  // or, where there are few, one.

struct Sizes {
  uint32_t steps;   // Stages of K.
  uint32_t stages;  // Under way.
  uint32_t rows, outputs;
  const Bf16* residual;
  Bf16* y;
};

/// A place in the ring, and which time round.
struct Place {
  uint32_t stage = 0, round = 0;
  __device__ void advance(uint32_t stages) {
    if (++stage < stages) return;
    stage = 0;
    ++round;
  }
};

/// Sums as floats [kTokens][kWidth], rows apart by kWidth + 4, to y by all threads that multiply.
template <int kTokens, int kWidth>
__device__ void write_out(const float* sums, const Sizes& s) {
  constexpr uint32_t kVectors = kWidth / kVector;
  for (uint32_t i = threadIdx.x; i < kTokens * kVectors; i += kMultiplying) {
    const uint32_t row = blockIdx.y * kTokens + i / kVectors;
    const uint32_t column = blockIdx.x * kWidth + i % kVectors * kVector;
    if (row >= s.rows || column >= s.outputs) continue;
    const float* from = sums + i / kVectors * (kWidth + 4) + i % kVectors * kVector;
    const size_t at = size_t{row} * s.outputs + column;
    Eight v;
#pragma unroll
    for (int k = 0; k < static_cast<int>(kVector); ++k) v.at[k] = from[k];
    if (s.residual != nullptr) {
      const Eight more = load8(s.residual + at);
#pragma unroll
      for (int k = 0; k < static_cast<int>(kVector); ++k) v.at[k] = __fadd_rn(v.at[k], more.at[k]);
    }
    store8(s.y + at, v);
  }
}

template <int kTokens, bool kGated>
__global__ void __launch_bounds__(kThreads)
    few_rows_kernel(const __grid_constant__ CUtensorMap weights,
                    const __grid_constant__ CUtensorMap x, const __grid_constant__ Sizes s) {
  using C = Cut<kTokens>;
  extern __shared__ __align__(1024) unsigned char shared[];
  const uint32_t ring = static_cast<uint32_t>(__cvta_generic_to_shared(shared));
  const auto stage_at = [&](uint32_t stage) { return ring + stage * C::kStageBytes; };
  const auto full = [&](uint32_t stage) { return stage_at(s.stages) + stage * 16; };
  const auto empty = [&](uint32_t stage) { return full(stage) + 8; };
  if (threadIdx.x == 0) {
    for (uint32_t stage = 0; stage < s.stages; ++stage) {
      ptx::barrier_init(full(stage), 1);
      ptx::barrier_init(empty(stage), kMultiplying / kWarp);
    }
    ptx::barriers_visible();
  }
  __syncthreads();

  if (threadIdx.x >= kMultiplying) {
    if (threadIdx.x > kMultiplying) return ptx::await_former();
    const auto load_weights = [&](uint32_t step, uint32_t stage) {
      ptx::barrier_expect(full(stage), C::kStageBytes);
      const auto tile = static_cast<int32_t>(blockIdx.x), k = static_cast<int32_t>(step * kTiles);
      if constexpr (kGated)  // Eight gates, their eight ups, and so on.
        ptx::copy_box(stage_at(stage), weights, full(stage), 0, 0, 0, tile * (kFeatures / 16), k);
      else
        ptx::copy_box(stage_at(stage), weights, full(stage), 0, tile * kFeatures, k);
    };
    const auto load_x = [&](uint32_t step, uint32_t stage) {
      ptx::copy_box(stage_at(stage) + kTiles * kWeightTile, x, full(stage), 0,
                    static_cast<int32_t>(blockIdx.y * kTokens),
                    static_cast<int32_t>(step * kTiles));
    };
    const uint32_t ahead = min(s.steps, s.stages);
    for (uint32_t step = 0; step < ahead; ++step) load_weights(step, step);
    ptx::await_former();
    ptx::let_next_start();
    for (uint32_t step = 0; step < ahead; ++step) load_x(step, step);
    Place at;
    for (uint32_t step = ahead; step < s.steps; ++step, at.advance(s.stages)) {
      ptx::barrier_wait(empty(at.stage), at.round % 2);
      load_weights(step, at.stage);
      load_x(step, at.stage);
    }
    return;
  }

  const uint32_t lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp;
  float c[kTokens / 8][4];
  Place at;
  uint32_t former = 0;
  for (uint32_t step = 0; step < s.steps; ++step, at.advance(s.stages)) {
    ptx::barrier_wait(full(at.stage), at.round % 2);
    const uint32_t weight_at = stage_at(at.stage), x_at = weight_at + kTiles * kWeightTile;
    ptx::products_begin();
#pragma unroll
    for (int tile = 0; tile < kTiles; ++tile) {
#pragma unroll
      for (int k = 0; k < kColumns / 16; ++k)
        ptx::multiply_tiles(c,
                            ptx::tile_descriptor<kColumns>(weight_at, tile * kWeightTile + k * 32),
                            ptx::tile_descriptor<kColumns>(x_at, tile * C::kTile + k * 32),
                            step + static_cast<uint32_t>(tile + k) > 0);
    }
    ptx::products_commit();
    ptx::products_wait<1>();
    if (step > 0 && lane == 0) ptx::barrier_arrive(empty(former));
    former = at.stage;
  }
  ptx::products_wait<0>();
  ptx::products_done(c);
  ptx::await_former();

  // The sums' columns are rows of y: they turn in shared memory, which no copy writes any more.
  constexpr int kWidth = kGated ? kFeatures / 2 : kFeatures;
  float* const sums = reinterpret_cast<float*>(shared);
  asm volatile("bar.sync 1, %0;" ::"n"(kMultiplying) : "memory");
#pragma unroll
  for (int n = 0; n < kTokens / 8; ++n) {
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      float* const row = sums + (n * 8 + lane % 4 * 2 + i) * (kWidth + 4);
      if constexpr (kGated) {
        row[warp * 8 + lane / 4] = swiglu_of(rounded(c[n][i]), rounded(c[n][i + 2]));
      } else {
        row[warp * 16 + lane / 4] = c[n][i];
        row[warp * 16 + lane / 4 + 8] = c[n][i + 2];
      }
    }
  }
  asm volatile("bar.sync 1, %0;" ::"n"(kMultiplying) : "memory");
  write_out<kTokens, kWidth>(sums, s);
}

using Encode = CUresult (*)(CUtensorMap*, CUtensorMapDataType, cuuint32_t, void*, const cuuint64_t*,
                            const cuuint64_t*, const cuuint32_t*, const cuuint32_t*,
                            CUtensorMapInterleave, CUtensorMapSwizzle, CUtensorMapL2promotion,
                            CUtensorMapFloatOOBfill);
Encode encode() {
  static const Encode found = [] {
    void* function = nullptr;
    cudaDriverEntryPointQueryResult result;
    check(cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &function, 12000,
                                           cudaEnableDefault, &result),
          "cuTensorMapEncodeTiled");
    if (result != cudaDriverEntryPointSuccess)
      throw Error("cuda: the driver has no cuTensorMapEncodeTiled; it must be of CUDA 12 or later");
    return reinterpret_cast<Encode>(function);
  }();
  return found;
}

template <int kDimensions>
CUtensorMap tensor_map(const Bf16* at, const cuuint64_t (&sizes)[kDimensions],
                       const cuuint64_t (&strides)[kDimensions - 1],
                       const cuuint32_t (&box)[kDimensions]) {
  CUtensorMap map;
  cuuint32_t steps[kDimensions];
  for (cuuint32_t& step : steps) step = 1;
  const CUresult status =
      encode()(&map, CU_TENSOR_MAP_DATA_TYPE_BFLOAT16, kDimensions, const_cast<Bf16*>(at), sizes,
               strides, box, steps, CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B,
               CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  if (status != CUDA_SUCCESS)
    throw Error("cuda: a tensor map was refused, error " + std::to_string(status));
  return map;
}

/// Rows as tiles, then by K; what lies beyond the rows is zeros.
CUtensorMap map_of_rows(const Bf16* at, uint64_t rows, uint64_t inputs, uint32_t tile_rows) {
  return tensor_map<3>(at, {kColumns, rows, inputs / kColumns},
                       {inputs * sizeof(Bf16), kColumns * sizeof(Bf16)},
                       {kColumns, tile_rows, kTiles});
}

/// Eight gates and their eight ups, again and again, as tiles, then by K.
CUtensorMap map_of_gates(const Bf16* at, uint64_t outputs, uint64_t inputs) {
  const uint64_t stride = inputs * sizeof(Bf16);
  return tensor_map<5>(at, {kColumns, 8, 2, outputs / 8, inputs / kColumns},
                       {stride, outputs * stride, 8 * stride, kColumns * sizeof(Bf16)},
                       {kColumns, 8, 2, kFeatures / 16, kTiles});
}

template <int kTokens, bool kGated>
void launch(cudaStream_t stream, const FewRowsArgs& a) {
  const CUtensorMap x = map_of_rows(a.x, a.rows, a.inputs, kTokens);
  const CUtensorMap weights = kGated ? map_of_gates(a.weight, a.outputs, a.inputs)
                                     : map_of_rows(a.weight, a.outputs, a.inputs, kFeatures);
  const uint32_t width = kGated ? kFeatures / 2 : kFeatures;
  const dim3 grid(blocks_for(a.outputs, width), blocks_for(a.rows, kTokens));
  constexpr uint32_t kFewBlocks = 132;  // A Hopper card has as many multiprocessors, about.
  const int bytes = grid.x * grid.y <= kFewBlocks ? kSharedBytesMax : kSharedBytes;
  const uint32_t steps = a.inputs / kFewRowsStep;
  const uint32_t stages = min(steps, static_cast<uint32_t>(bytes / Cut<kTokens>::kSlotBytes));
  const Sizes sizes{steps, stages, static_cast<uint32_t>(a.rows), a.outputs, a.residual, a.y};
  const size_t sums = size_t{kTokens} * (width + 4) * sizeof(float);
  launch_early(few_rows_kernel<kTokens, kGated>, grid, kThreads,
               max(size_t{stages} * Cut<kTokens>::kSlotBytes, sums), stream, "few_rows", weights, x,
               sizes);
}

}  // namespace

void few_rows(cudaStream_t stream, const FewRowsArgs& a, uint32_t tile) {
  if (a.rows == 0) return;
  if (a.inputs % kFewRowsStep != 0)
    throw Error("cuda: few_rows of " + std::to_string(a.inputs) +
                " inputs: must be a multiple of " + std::to_string(kFewRowsStep));
  const auto call = tile == 16   ? (a.gated ? launch<16, true> : launch<16, false>)
                    : tile == 32 ? (a.gated ? launch<32, true> : launch<32, false>)
                    : tile == 64 ? (a.gated ? launch<64, true> : launch<64, false>)
                                 : nullptr;
  if (call == nullptr) throw Error("cuda: few_rows has no tile of " + std::to_string(tile));
  call(stream, a);
}

}  // namespace thespis::gpu::cuda
