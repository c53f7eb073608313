#pragma once
// What each CUDA source defines; device.cu makes a stream's operation table of them. Sizes and
// layouts: gpu/device.hpp.

#include <cuda_runtime_api.h>

#include "gpu/device.hpp"

namespace thespis::gpu::cuda {

// One by one: the CPU's have the same names.
using on_device::AdamWArgs;
using on_device::AttendArgs;
using on_device::AttendBackwardArgs;
using on_device::Draw;
using on_device::FinishQkvArgs;
using on_device::FinishQkvBackwardArgs;
using on_device::LogProbArgs;
using on_device::LogProbBackwardArgs;
using on_device::NextRowsArgs;
using on_device::NormArgs;
using on_device::NormBackwardArgs;
using on_device::ParameterTile;
using on_device::SampleArgs;
using on_device::ScatterAddArgs;
using on_device::SquaresArgs;
using on_device::SumLanesArgs;

/// Throws Error "cuda: WHAT: the runtime's message" where a call failed.
void check(cudaError_t status, const char* what);
/// The runtime's stream behind a DeviceStream; its card becomes the calling thread's.
cudaStream_t native(DeviceStream& stream);

void to_bf16(cudaStream_t, const float* in, size_t size, Bf16* out);
void split_floats(cudaStream_t, const float* in, size_t size, Bf16* high, uint16_t* low);
void join_floats(cudaStream_t, const Bf16* high, const uint16_t* low, size_t size, float* out);
void gather_rows(cudaStream_t, const Bf16* table, const int32_t* indices, size_t rows,
                 uint32_t width, Bf16* out);
void scatter_rows(cudaStream_t, const Bf16* in, const int32_t* indices, size_t rows, uint32_t width,
                  Bf16* out);
void scatter_add_rows(cudaStream_t, const ScatterAddArgs&);
void next_rows(cudaStream_t, const NextRowsArgs&);
void swiglu(cudaStream_t, const Bf16* gate_up, size_t rows, uint32_t width, Bf16* y);
void swiglu_backward(cudaStream_t, Bf16* gate_up, Bf16* dy, size_t rows, uint32_t width);
void rms_norm(cudaStream_t, const NormArgs&);
void rms_norm_backward(cudaStream_t, const NormBackwardArgs&);
void finish_qkv(cudaStream_t, const FinishQkvArgs&);
void finish_qkv_backward(cudaStream_t, const FinishQkvBackwardArgs&);
void attend(cudaStream_t, const AttendArgs&);
void attend_pieces(cudaStream_t, const AttendArgs&);  ///< Runs of one row, in pages.
void attend_backward(cudaStream_t, const AttendBackwardArgs&);
void log_prob(cudaStream_t, const LogProbArgs&);
void log_prob_backward(cudaStream_t, const LogProbBackwardArgs&);
void sample(cudaStream_t, const SampleArgs&);
void squares(cudaStream_t, const SquaresArgs&);
void sum_lanes(cudaStream_t, const SumLanesArgs&);
void adamw(cudaStream_t, const AdamWArgs&);

/// *differs = 1 if the arrays differ, else 0; bytes a multiple of 16.
void find_difference(cudaStream_t, const void* a, const void* b, size_t bytes, uint32_t* differs);
/// sums[c] += parts[0][c] + parts[1][c] + ..., in one fixed order.
void add_columns(cudaStream_t, const float* parts, uint32_t part_count, uint32_t width,
                 float* sums);
/// parts[p][c]: the sum of column c over the rows of part p; as many parts as it returns.
uint32_t sum_columns(cudaStream_t, const Bf16* x, size_t stride, size_t rows, uint32_t width,
                     float* parts);

}  // namespace thespis::gpu::cuda
