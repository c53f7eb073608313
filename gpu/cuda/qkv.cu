// The pass between the product of q, k, v and attention, and its backward.

#include "gpu/cuda/hopper.cuh"
#include "gpu/cuda/qkv.cuh"
#include "runtime/base/error.hpp"

namespace thespis::gpu::cuda {
namespace {

constexpr uint32_t kThreads = 256;

__global__ void finish_kernel(FinishQkvArgs a) {
  ptx::await_former();
  ptx::let_next_start();
  const AttendShape& s = a.shape;
  const uint32_t row_units = s.qkv_size() / (2 * kVector);
  const size_t at = size_t{blockIdx.x} * kThreads + threadIdx.x;
  const bool mine = at < a.rows * row_units;
  const size_t row = mine ? at / row_units : 0;
  const Unit u = unit_of(s, mine ? static_cast<uint32_t>(at % row_units) : 0);
  Eight low, high;
  finish_unit(a, row, a.positions[row], u, low, high);
  if (!mine) return;
  if (a.pages.base != nullptr) store_in_page(a, a.table_rows[row], a.positions[row], u, low, high);
  Bf16* to = a.out + row * s.qkv_size();
  store8(to + u.low, low);
  store8(to + u.high, high);
}

/// One row a round and block; a thread keeps its unit, so the sums for the head norms' weights stay
/// in registers. Part p's sums go to scratch[p] [2][head_dim]: of q, of k.
__global__ void finish_backward_kernel(FinishQkvBackwardArgs a) {
  ptx::await_former();
  ptx::let_next_start();
  const FinishQkvArgs& f = a.forward;
  const AttendShape& s = f.shape;
  const uint32_t row_units = s.qkv_size() / (2 * kVector), units = s.head_dim / (2 * kVector);
  const bool mine = threadIdx.x < row_units;
  const Unit u = unit_of(s, mine ? threadIdx.x : 0);
  const Bf16* weight = norm_weight(f, u);
  Eight weight_low = {}, weight_high = {}, dweight_low = {}, dweight_high = {};
  if (weight != nullptr) {
    weight_low = load8(weight);
    weight_high = load8(weight + s.head_dim / 2);
  }
  for (size_t row = blockIdx.x; row < f.rows; row += gridDim.x) {
    Bf16* d = a.dqkv + row * s.qkv_size();
    Eight low = load8(d + u.low), high = load8(d + u.high);
    if (u.rotates)
      rotate(low, high, f.rope_table + size_t{f.positions[row]} * s.head_dim + u.dim,
             s.head_dim / 2, true);
    if (f.q_norm != nullptr) {
      const Bf16* in = f.in + row * s.qkv_size();
      const Eight x_low = load8(in + u.low), x_high = load8(in + u.high);
      float squares = 0, dot = 0;
#pragma unroll
      for (int i = 0; i < static_cast<int>(kVector); ++i) {
        squares = fmaf(x_low.at[i], x_low.at[i], fmaf(x_high.at[i], x_high.at[i], squares));
        dot = fmaf(low.at[i] * weight_low.at[i], x_low.at[i], dot);
        dot = fmaf(high.at[i] * weight_high.at[i], x_high.at[i], dot);
      }
      squares = head_sum(squares, units);
      dot = head_sum(dot, units);
      if (weight != nullptr) {
        const float size = static_cast<float>(s.head_dim);
        const float inverse = rsqrtf(squares / size + f.eps), pull = dot * inverse * inverse / size;
#pragma unroll
        for (int i = 0; i < static_cast<int>(kVector); ++i) {
          dweight_low.at[i] = fmaf(low.at[i], x_low.at[i] * inverse, dweight_low.at[i]);
          dweight_high.at[i] = fmaf(high.at[i], x_high.at[i] * inverse, dweight_high.at[i]);
          low.at[i] = inverse * (low.at[i] * weight_low.at[i] - x_low.at[i] * pull);
          high.at[i] = inverse * (high.at[i] * weight_high.at[i] - x_high.at[i] * pull);
        }
      }
    }
    if (!mine) continue;
    store8(d + u.low, low);
    store8(d + u.high, high);
  }
  if (f.q_norm == nullptr) return;
  extern __shared__ float sums[];  // [qkv_size], as a row.
  for (int i = 0; mine && i < static_cast<int>(kVector); ++i) {
    sums[u.low + i] = dweight_low.at[i];
    sums[u.high + i] = dweight_high.at[i];
  }
  __syncthreads();
  for (uint32_t c = threadIdx.x; c < 2 * s.head_dim; c += blockDim.x) {
    const bool of_k = c >= s.head_dim;
    const uint32_t first = of_k ? s.heads : 0, count = of_k ? s.kv_heads : s.heads;
    float sum = 0;
    for (uint32_t h = first; h < first + count; ++h) sum += sums[h * s.head_dim + c % s.head_dim];
    a.scratch[size_t{blockIdx.x} * 2 * s.head_dim + c] = sum;
  }
}

__global__ void add_halves_kernel(const float* parts, uint32_t part_count, uint32_t width,
                                  float* first, float* second) {
  const uint32_t c = blockIdx.x * blockDim.x + threadIdx.x;
  if (c >= 2 * width) return;
  float sum = 0;
  for (uint32_t p = 0; p < part_count; ++p) sum += parts[size_t{p} * 2 * width + c];
  (c < width ? first : second)[c % width] += sum;
}

void require(const FinishQkvArgs& a) {
  const uint32_t d = a.shape.head_dim;
  if (d < 16 || d > 256 || (d & (d - 1)) != 0)
    throw Error("cuda: heads of " + std::to_string(d) + ": must be a power of two from 16 to 256");
  if (a.bias != nullptr && a.q_norm != nullptr)
    throw Error("cuda: a bias on q, k, v together with head norms is not supported");
}

}  // namespace

void finish_qkv(cudaStream_t stream, const FinishQkvArgs& a) {
  if (a.rows == 0) return;
  require(a);
  const size_t units = a.rows * (a.shape.qkv_size() / (2 * kVector));
  launch_early(finish_kernel, dim3(blocks_for(units, kThreads)), kThreads, 0, stream, "finish_qkv",
               a);
}

void finish_qkv_backward(cudaStream_t stream, const FinishQkvBackwardArgs& a) {
  const FinishQkvArgs& f = a.forward;
  if (f.rows == 0) return;
  require(f);
  const AttendShape& s = f.shape;
  const uint32_t threads = round_up(s.qkv_size() / (2 * kVector), kWarp);
  if (threads > 1024) throw Error("cuda: rows of q, k, v wider than 16384 are not supported");
  const bool norms = f.q_norm != nullptr;
  // Without sums to keep few, as many blocks as are at work at once.
  const size_t most = norms ? on_device::kColumnParts : 2048;
  const uint32_t parts = static_cast<uint32_t>(min(f.rows, most));
  const size_t shared = norms ? s.qkv_size() * sizeof(float) : 0;
  launch_early(finish_backward_kernel, dim3(parts), threads, shared, stream, "finish_qkv_backward",
               a);
  if (norms) {
    add_halves_kernel<<<blocks_for(2 * s.head_dim, 64), 64, 0, stream>>>(
        a.scratch, parts, s.head_dim, a.dq_norm, a.dk_norm);
    check_launch("finish_qkv_backward");
  }
  if (a.dbias != nullptr) {
    const uint32_t width = s.qkv_size();
    const uint32_t sums = sum_columns(stream, a.dqkv, width, f.rows, width, a.scratch);
    add_columns(stream, a.scratch, sums, width, a.dbias);
  }
}

}  // namespace thespis::gpu::cuda
