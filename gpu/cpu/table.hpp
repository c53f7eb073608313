#pragma once
// What each kernel source of a variant defines; table.cpp collects them.

#include "gpu/ops.hpp"

namespace thespis::gpu::THESPIS_ISA {

void pack(const PackArgs&);
void linear(const LinearArgs&);
void weight_gradient(const WeightGradientArgs&);
void rms_norm(const NormArgs&);
void rms_norm_backward(const NormBackwardArgs&);
void rope(const RopeArgs&);
void store_kv(const AttendArgs&);
void attend(const AttendArgs&);
void attend_backward(const AttendBackwardArgs&);
void swiglu(const float* gate_up, size_t rows, uint32_t width, float* y);
void swiglu_backward(float* gate_up, float* dy, size_t rows, uint32_t width);
void log_prob(const LogProbArgs&);
void log_prob_backward(const LogProbBackwardArgs&);
void sample(const SampleArgs&);
void gather_rows(const float* table, const int32_t* indices, size_t rows, uint32_t width,
                 float* out);
void scatter_add_rows(const float* in, const int32_t* indices, size_t rows, uint32_t width,
                      float* table);
double sum_lanes(float* const* lanes, size_t count, size_t offset, size_t size);
void adamw(const AdamWArgs&);

}  // namespace thespis::gpu::THESPIS_ISA
