// Operations that treat rows or elements one by one.

#include "gpu/cuda/hopper.cuh"
#include "gpu/cuda/swiglu.cuh"

namespace thespis::gpu::cuda {
namespace {

constexpr uint32_t kThreads = 256;

__global__ void to_bf16_kernel(const float* in, size_t size, Bf16* out) {
  const size_t at = (size_t{blockIdx.x} * kThreads + threadIdx.x) * kVector;
  if (at >= size) return;
  Eight v;
#pragma unroll
  for (int i = 0; i < static_cast<int>(kVector); ++i) v.at[i] = in[at + i];
  store8(out + at, v);
}

template <bool kScatter>
__global__ void move_rows_kernel(const Bf16* in, const int32_t* indices, size_t rows,
                                 uint32_t vectors, Bf16* out) {
  const size_t at = size_t{blockIdx.x} * kThreads + threadIdx.x;
  const size_t row = at / vectors, vector = at % vectors;
  ptx::await_former();
  ptx::let_next_start();
  if (row >= rows) return;
  const size_t other = static_cast<size_t>(indices[row]);
  const auto* from = reinterpret_cast<const uint4*>(in);
  auto* to = reinterpret_cast<uint4*>(out);
  if constexpr (kScatter)
    to[other * vectors + vector] = from[row * vectors + vector];
  else
    to[row * vectors + vector] = from[other * vectors + vector];
}

__global__ void scatter_add_kernel(ScatterAddArgs a) {
  const uint32_t first = a.starts[blockIdx.x], last = a.starts[blockIdx.x + 1];
  float* to = a.table + size_t{static_cast<uint32_t>(a.indices[blockIdx.x])} * a.width;
  for (uint32_t column = threadIdx.x * kVector; column < a.width; column += kThreads * kVector) {
    Eight sum;
#pragma unroll
    for (int i = 0; i < static_cast<int>(kVector); ++i) sum.at[i] = to[column + i];
#pragma unroll 4
    for (uint32_t row = first; row < last; ++row) {
      const Eight v = load8(a.in + size_t{a.order[row]} * a.width + column);
#pragma unroll
      for (int i = 0; i < static_cast<int>(kVector); ++i) sum.at[i] += v.at[i];
    }
#pragma unroll
    for (int i = 0; i < static_cast<int>(kVector); ++i) to[column + i] = sum.at[i];
  }
}

__global__ void next_rows_kernel(NextRowsArgs a) {
  const size_t row = size_t{blockIdx.x} * kThreads + threadIdx.x;
  ptx::await_former();
  ptx::let_next_start();
  if (row >= a.rows) return;
  const uint32_t slot = a.slots[row];
  const bool pads = slot == a.padding;
  const uint32_t position = pads ? 0 : a.slot_positions[slot];
  a.tokens[row] = pads ? 0 : max(a.slot_tokens[slot], 0);  // -1: the host drops the sequence.
  a.positions[row] = position;
  a.runs[row] = {static_cast<uint32_t>(row), 1, position, slot};
  if (!pads) a.slot_positions[slot] = position + 1;
}

__global__ void find_difference_kernel(const uint4* a, const uint4* b, size_t size,
                                       uint32_t* differs) {
  for (size_t at = size_t{blockIdx.x} * kThreads + threadIdx.x; at < size;
       at += size_t{gridDim.x} * kThreads) {
    const uint4 x = a[at], y = b[at];
    if (x.x != y.x || x.y != y.y || x.z != y.z || x.w != y.w) *differs = 1;
  }
}

__global__ void swiglu_kernel(const Bf16* gate_up, size_t rows, uint32_t width, Bf16* y) {
  const uint32_t vectors = width / kVector;
  const size_t at = size_t{blockIdx.x} * kThreads + threadIdx.x;
  const size_t row = at / vectors, column = at % vectors * kVector;
  ptx::await_former();
  ptx::let_next_start();
  if (row >= rows) return;
  const Bf16* from = gate_up + row * 2 * width + column;
  Eight gate = load8(from);
  const Eight up = load8(from + width);
#pragma unroll
  for (int i = 0; i < static_cast<int>(kVector); ++i) gate.at[i] = swiglu_of(gate.at[i], up.at[i]);
  store8(y + row * width + column, gate);
}

__global__ void swiglu_backward_kernel(Bf16* gate_up, Bf16* dy, size_t rows, uint32_t width) {
  const uint32_t vectors = width / kVector;
  const size_t at = size_t{blockIdx.x} * kThreads + threadIdx.x;
  const size_t row = at / vectors, column = at % vectors * kVector;
  ptx::await_former();
  ptx::let_next_start();
  if (row >= rows) return;
  const size_t from = row * 2 * width + column;
  Eight gate = load8(gate_up + from), up = load8(gate_up + from + width);
  Eight d = load8(dy + row * width + column);
#pragma unroll
  for (int i = 0; i < static_cast<int>(kVector); ++i) {
    const float g = gate.at[i], s = sigmoid(g), u = up.at[i];
    gate.at[i] = d.at[i] * u * s * (1.0f + g * (1.0f - s));
    up.at[i] = d.at[i] * g * s;
    d.at[i] = swiglu_of(g, u);
  }
  store8(dy + row * width + column, d);
  store8(gate_up + from, gate);
  store8(gate_up + from + width, up);
}

}  // namespace

void to_bf16(cudaStream_t stream, const float* in, size_t size, Bf16* out) {
  if (size == 0) return;
  to_bf16_kernel<<<blocks_for(size / kVector, kThreads), kThreads, 0, stream>>>(in, size, out);
  check_launch("to_bf16");
}

void gather_rows(cudaStream_t stream, const Bf16* table, const int32_t* indices, size_t rows,
                 uint32_t width, Bf16* out) {
  if (rows == 0) return;
  const uint32_t vectors = width / kVector;
  launch_early(move_rows_kernel<false>, dim3(blocks_for(rows * vectors, kThreads)), kThreads, 0,
               stream, "gather_rows", table, indices, rows, static_cast<uint32_t>(vectors), out);
}

void scatter_rows(cudaStream_t stream, const Bf16* in, const int32_t* indices, size_t rows,
                  uint32_t width, Bf16* out) {
  if (rows == 0) return;
  const uint32_t vectors = width / kVector;
  launch_early(move_rows_kernel<true>, dim3(blocks_for(rows * vectors, kThreads)), kThreads, 0,
               stream, "scatter_rows", in, indices, rows, static_cast<uint32_t>(vectors), out);
}

void scatter_add_rows(cudaStream_t stream, const ScatterAddArgs& a) {
  if (a.count == 0) return;
  scatter_add_kernel<<<static_cast<uint32_t>(a.count), kThreads, 0, stream>>>(a);
  check_launch("scatter_add_rows");
}

void find_difference(cudaStream_t stream, const void* a, const void* b, size_t bytes,
                     uint32_t* differs) {
  check(cudaMemsetAsync(differs, 0, sizeof(*differs), stream), "clearing memory");
  find_difference_kernel<<<min(blocks_for(bytes / 16, kThreads), 4096u), kThreads, 0, stream>>>(
      static_cast<const uint4*>(a), static_cast<const uint4*>(b), bytes / 16, differs);
  check_launch("find_difference");
}

void next_rows(cudaStream_t stream, const NextRowsArgs& a) {
  if (a.rows == 0) return;
  launch_early(next_rows_kernel, dim3(blocks_for(a.rows, kThreads)), kThreads, 0, stream,
               "next_rows", a);
}

void swiglu(cudaStream_t stream, const Bf16* gate_up, size_t rows, uint32_t width, Bf16* y) {
  if (rows == 0) return;
  launch_early(swiglu_kernel, dim3(blocks_for(rows * (width / kVector), kThreads)), kThreads, 0,
               stream, "swiglu", gate_up, rows, width, y);
}

void swiglu_backward(cudaStream_t stream, Bf16* gate_up, Bf16* dy, size_t rows, uint32_t width) {
  if (rows == 0) return;
  launch_early(swiglu_backward_kernel, dim3(blocks_for(rows * (width / kVector), kThreads)),
               kThreads, 0, stream, "swiglu_backward", gate_up, dy, rows, width);
}

}  // namespace thespis::gpu::cuda
