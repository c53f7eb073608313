// The head's row-wise half in scoring and training: log-softmax at a temperature and its gradient.

#include "gpu/cuda/hopper.cuh"
#include "gpu/cuda/softmax.cuh"

namespace thespis::gpu::cuda {
namespace {

__global__ void log_prob_kernel(LogProbArgs a) {
  ptx::await_former();
  ptx::let_next_start();
  const size_t row = blockIdx.x;
  const float* logits = a.logits + row * a.stride;
  const float scale = a.inverse_temperatures[row];
  const Softmax s = row_softmax(thread_softmax(logits, a.vocab, scale));
  if (threadIdx.x != 0) return;
  const float log_sum = logf(s.sum);
  a.logprobs[row] = log_prob_of(s, logits[a.targets[row]] * scale);
  a.entropies[row] = log_sum - s.weighted / s.sum;
  a.lse[row] = s.greatest + log_sum;
}

/// A round reads twice the bytes it writes, to the front of what all rounds so far have read.
__global__ void __launch_bounds__(kHeadThreads) log_prob_backward_kernel(LogProbBackwardArgs a) {
  ptx::await_former();
  ptx::let_next_start();
  const size_t row = blockIdx.x;
  float* logits = a.logits + row * a.stride;
  Bf16* out = reinterpret_cast<Bf16*>(logits);
  const float scale = a.inverse_temperatures[row], lse = a.lse[row];
  // dlogits = g / T (onehot - p).
  const float g = a.dlogprobs[row] * scale;
  const uint32_t target = static_cast<uint32_t>(a.targets[row]);
  constexpr uint32_t kRound = kHeadThreads * kVector;
  float4 first, second;
  const auto load = [&](uint32_t c) {
    const float4 nothing = make_float4(kLowest, kLowest, kLowest, kLowest);
    first = c < a.vocab ? tempered(logits, c, a.vocab, scale) : nothing;
    second = c + 4 < a.vocab ? tempered(logits, c + 4, a.vocab, scale) : nothing;
  };
  load(threadIdx.x * kVector);
  for (uint32_t begin = 0; begin < a.stride; begin += kRound) {
    const uint32_t c = begin + threadIdx.x * kVector;
    const float z[kVector] = {first.x,  first.y,  first.z,  first.w,
                              second.x, second.y, second.z, second.w};
    load(c + kRound);
    Eight d;
#pragma unroll
    for (int i = 0; i < static_cast<int>(kVector); ++i)
      d.at[i] = (c + i == target ? g : 0.0f) - g * __expf(z[i] - lse);
    __syncthreads();  // All have what lies where they write.
    if (c < a.stride) store8(out + c, d);
  }
}

}  // namespace

void log_prob(cudaStream_t stream, const LogProbArgs& a) {
  if (a.rows == 0) return;
  launch_early(log_prob_kernel, dim3(static_cast<uint32_t>(a.rows)), kHeadThreads, 0, stream,
               "log_prob", a);
}

void log_prob_backward(cudaStream_t stream, const LogProbBackwardArgs& a) {
  if (a.rows == 0) return;
  launch_early(log_prob_backward_kernel, dim3(static_cast<uint32_t>(a.rows)), kHeadThreads, 0,
               stream, "log_prob_backward", a);
}

}  // namespace thespis::gpu::cuda
