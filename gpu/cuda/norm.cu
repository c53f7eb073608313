// RMS norm and sums over columns. A row's threads hold eight elements each, or several times eight
// where the row is wide; how a row is summed depends on its width alone.

#include <string>
#include <type_traits>

#include "gpu/cuda/hopper.cuh"
#include "runtime/base/error.hpp"

namespace thespis::gpu::cuda {
namespace {

constexpr uint32_t kBlockThreads = 256;
// As many parts as there are sums stay few; so each has many rows under way.
constexpr uint32_t kBackwardThreads = 512;
constexpr uint32_t kRowThreadsMax = 1024;

/// Threads of a row, rows of a block, vectors of a thread.
struct RowShape {
  uint32_t threads, rows, vectors;
};
RowShape row_shape(uint32_t width, uint32_t block_threads) {
  const uint32_t vectors = width / kVector;
  const uint32_t threads = min(round_up(vectors, kWarp), kRowThreadsMax);
  return {threads, max(1u, block_threads / threads), (vectors + threads - 1) / threads};
}

/// The sum over a row's threads, the same bits in each. All threads of the block call it.
__device__ float row_sum(float v) {
  __shared__ float sums[kRowThreadsMax / kWarp * 2];
  const uint32_t warps = blockDim.x / kWarp;
  v = warp_sum(v);
  if (warps == 1) return v;
  float* mine = sums + threadIdx.y * warps;
  __syncthreads();  // Whoever still reads a former sum.
  if (threadIdx.x % kWarp == 0) mine[threadIdx.x / kWarp] = v;
  __syncthreads();
  float sum = 0;
  for (uint32_t w = 0; w < warps; ++w) sum += mine[w];
  return sum;
}

template <int kVectors>
__global__ void norm_kernel(NormArgs a) {
  const size_t row = size_t{blockIdx.x} * blockDim.y + threadIdx.y;
  Eight x[kVectors], weight[kVectors];
#pragma unroll
  for (int n = 0; n < kVectors; ++n) {
    const uint32_t column = (threadIdx.x + n * blockDim.x) * kVector;
    if (column < a.width) weight[n] = load8(a.weight + column);
  }
  ptx::let_next_start();  // First: a product's weights come in beside the product before this.
  ptx::await_former();
  float sum = 0;
#pragma unroll
  for (int n = 0; n < kVectors; ++n) {
    const uint32_t column = (threadIdx.x + n * blockDim.x) * kVector;
    if (row >= a.rows || column >= a.width) continue;
    x[n] = load8(a.x + row * a.width + column);
#pragma unroll
    for (const float v : x[n].at) sum = fmaf(v, v, sum);
  }
  sum = row_sum(sum);
  const float inverse = rsqrtf(sum / static_cast<float>(a.width) + a.eps);
#pragma unroll
  for (int n = 0; n < kVectors; ++n) {
    const uint32_t column = (threadIdx.x + n * blockDim.x) * kVector;
    if (row >= a.rows || column >= a.width) continue;
#pragma unroll
    for (int i = 0; i < static_cast<int>(kVector); ++i) x[n].at[i] *= inverse * weight[n].at[i];
    store8(a.y + row * a.width + column, x[n]);
  }
}

/// Part p: rows p, p + parts, ...; its sums for dweight go to scratch[p].
template <int kVectors>
__global__ void __launch_bounds__(kRowThreadsMax) norm_backward_kernel(NormBackwardArgs a) {
  ptx::await_former();
  ptx::let_next_start();
  const NormArgs& f = a.forward;
  extern __shared__ float row_parts[];  // [blockDim.y][width]
  Eight dweight[kVectors] = {};
  const size_t step = size_t{gridDim.x} * blockDim.y;
  const size_t rounds = (f.rows + step - 1) / step;
  for (size_t round = 0; round < rounds; ++round) {
    const size_t row = round * step + size_t{blockIdx.x} * blockDim.y + threadIdx.y;
    Eight x[kVectors], g[kVectors], dx[kVectors] = {};
    float squares = 0, dot = 0;
#pragma unroll
    for (int n = 0; n < kVectors; ++n) {
      const uint32_t column = (threadIdx.x + n * blockDim.x) * kVector;
      if (row >= f.rows || column >= f.width) continue;
      x[n] = load8(f.x + row * f.width + column);
      g[n] = load8(a.dy + row * f.width + column);
      if (a.accumulate) dx[n] = load8(a.dx + row * f.width + column);
      const Eight w = load8(f.weight + column);
#pragma unroll
      for (int i = 0; i < static_cast<int>(kVector); ++i) {
        squares = fmaf(x[n].at[i], x[n].at[i], squares);
        dot = fmaf(g[n].at[i] * w.at[i], x[n].at[i], dot);
      }
    }
    squares = row_sum(squares);
    dot = row_sum(dot);
    const float width = static_cast<float>(f.width);
    const float inverse = rsqrtf(squares / width + f.eps);
    const float pull = dot * inverse * inverse / width;
#pragma unroll
    for (int n = 0; n < kVectors; ++n) {
      const uint32_t column = (threadIdx.x + n * blockDim.x) * kVector;
      if (row >= f.rows || column >= f.width) continue;
      const Eight w = load8(f.weight + column);
#pragma unroll
      for (int i = 0; i < static_cast<int>(kVector); ++i) {
        dweight[n].at[i] = fmaf(g[n].at[i], x[n].at[i] * inverse, dweight[n].at[i]);
        dx[n].at[i] += inverse * (g[n].at[i] * w.at[i] - x[n].at[i] * pull);
      }
      store8(a.dx + row * f.width + column, dx[n]);
    }
  }
#pragma unroll
  for (int n = 0; n < kVectors; ++n) {
    const uint32_t column = (threadIdx.x + n * blockDim.x) * kVector;
    if (column >= f.width) continue;
    for (int i = 0; i < static_cast<int>(kVector); ++i)
      row_parts[threadIdx.y * f.width + column + i] = dweight[n].at[i];
  }
  __syncthreads();
  const uint32_t thread = threadIdx.y * blockDim.x + threadIdx.x;
  for (uint32_t c = thread; c < f.width; c += blockDim.x * blockDim.y) {
    float sum = 0;
    for (uint32_t r = 0; r < blockDim.y; ++r) sum += row_parts[r * f.width + c];
    a.scratch[size_t{blockIdx.x} * f.width + c] = sum;
  }
}

constexpr uint32_t kSumLanes = 8;

/// A lane has every kSumLanes-th part, so that few loads wait for each other.
__global__ void add_columns_kernel(const float* parts, uint32_t part_count, uint32_t width,
                                   float* sums) {
  __shared__ float lanes[kSumLanes][kWarp];
  ptx::await_former();
  ptx::let_next_start();
  const uint32_t c = blockIdx.x * kWarp + threadIdx.x;
  float sum = 0;
  if (c < width) {
#pragma unroll 8
    for (uint32_t p = threadIdx.y; p < part_count; p += kSumLanes)
      sum += parts[size_t{p} * width + c];
  }
  lanes[threadIdx.y][threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.y != 0 || c >= width) return;
  for (uint32_t l = 1; l < kSumLanes; ++l) sum += lanes[l][threadIdx.x];
  sums[c] += sum;
}

__global__ void sum_columns_kernel(const Bf16* x, size_t stride, size_t rows, uint32_t width,
                                   float* parts) {
  __shared__ Eight lanes[kSumLanes][kWarp];
  ptx::await_former();
  ptx::let_next_start();
  const uint32_t column = (blockIdx.x * kWarp + threadIdx.x) * kVector;
  Eight sum = {};
  if (column < width) {
    for (size_t row = blockIdx.y * kSumLanes + threadIdx.y; row < rows;
         row += size_t{gridDim.y} * kSumLanes) {
      const Eight v = load8(x + row * stride + column);
#pragma unroll
      for (int i = 0; i < static_cast<int>(kVector); ++i) sum.at[i] += v.at[i];
    }
  }
  lanes[threadIdx.y][threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.y != 0 || column >= width) return;
  for (uint32_t l = 1; l < kSumLanes; ++l)
    for (int i = 0; i < static_cast<int>(kVector); ++i) sum.at[i] += lanes[l][threadIdx.x].at[i];
  for (int i = 0; i < static_cast<int>(kVector); ++i)
    parts[size_t{blockIdx.y} * width + column + i] = sum.at[i];
}

template <class F>
void with_vectors(uint32_t vectors, uint32_t width, const F& f) {
  switch (vectors) {
    case 1:
      return f(std::integral_constant<int, 1>{});
    case 2:
      return f(std::integral_constant<int, 2>{});
    default:
      throw Error("cuda: a norm over " + std::to_string(width) + " elements: at most " +
                  std::to_string(2 * kRowThreadsMax * kVector));
  }
}

}  // namespace

void rms_norm(cudaStream_t stream, const NormArgs& a) {
  if (a.rows == 0) return;
  const RowShape shape = row_shape(a.width, kBlockThreads);
  with_vectors(shape.vectors, a.width, [&](auto vectors) {
    launch_early(norm_kernel<decltype(vectors)::value>, dim3(blocks_for(a.rows, shape.rows)),
                 dim3(shape.threads, shape.rows), 0, stream, "rms_norm", a);
  });
}

void rms_norm_backward(cudaStream_t stream, const NormBackwardArgs& a) {
  const NormArgs& f = a.forward;
  if (f.rows == 0) return;
  const RowShape shape = row_shape(f.width, kBackwardThreads);
  const uint32_t parts = min(on_device::kColumnParts, blocks_for(f.rows, shape.rows));
  const size_t shared = size_t{shape.rows} * f.width * sizeof(float);
  with_vectors(shape.vectors, f.width, [&](auto vectors) {
    launch_early(norm_backward_kernel<decltype(vectors)::value>, dim3(parts),
                 dim3(shape.threads, shape.rows), shared, stream, "rms_norm_backward", a);
  });
  add_columns(stream, a.scratch, parts, f.width, a.dweight);
}

void add_columns(cudaStream_t stream, const float* parts, uint32_t part_count, uint32_t width,
                 float* sums) {
  launch_early(add_columns_kernel, dim3(blocks_for(width, kWarp)), dim3(kWarp, kSumLanes), 0,
               stream, "add_columns", parts, part_count, width, sums);
}

uint32_t sum_columns(cudaStream_t stream, const Bf16* x, size_t stride, size_t rows, uint32_t width,
                     float* parts) {
  const uint32_t part_count =
      min(on_device::kColumnParts, max(1u, blocks_for(rows, kSumLanes * 8)));
  const dim3 grid(blocks_for(width / kVector, kWarp), part_count);
  launch_early(sum_columns_kernel, grid, dim3(kWarp, kSumLanes), 0, stream, "sum_columns", x,
               stride, rows, width, parts);
  return part_count;
}

}  // namespace thespis::gpu::cuda
