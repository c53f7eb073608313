// The draw of a token for each row. Tokens are laid along [0, 1) in the order of the threads that
// hold them, not in their own: any order makes the same distribution.

#include <cfloat>

#include "gpu/cuda/hopper.cuh"
#include "gpu/cuda/softmax.cuh"
#include "runtime/base/error.hpp"

namespace thespis::gpu::cuda {
namespace {

constexpr uint32_t kFoursMax = kHeadThreads;  // Of one thread's elements.

/// As env::philox and env::uniform_at (runtime/env/random.cpp).
__device__ float uniform(uint64_t key, uint64_t stream, uint32_t sample, uint32_t position) {
  uint32_t c[4] = {static_cast<uint32_t>(stream), static_cast<uint32_t>(stream >> 32), sample,
                   position};
  uint32_t k0 = static_cast<uint32_t>(key), k1 = static_cast<uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = uint64_t{0xD2511F53u} * c[0], p1 = uint64_t{0xCD9E8D57u} * c[2];
    const uint32_t next0 = static_cast<uint32_t>(p1 >> 32) ^ c[1] ^ k0;
    const uint32_t next2 = static_cast<uint32_t>(p0 >> 32) ^ c[3] ^ k1;
    c[1] = static_cast<uint32_t>(p1);
    c[3] = static_cast<uint32_t>(p0);
    c[0] = next0;
    c[2] = next2;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return static_cast<float>(c[0] >> 8) * 0x1.0p-24f;
}

/// Sums over the threads before this one and over all, in one fixed order.
struct Scan {
  double before, total;
};
__device__ Scan scan(double v) {
  __shared__ double warps[kHeadWarps];
  const uint32_t lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp;
  double sum = v;
#pragma unroll
  for (uint32_t step = 1; step < kWarp; step *= 2) {
    const double other = __shfl_up_sync(0xffffffffu, sum, step);
    if (lane >= step) sum += other;
  }
  __syncthreads();  // Whoever still reads a former scan.
  if (lane == kWarp - 1) warps[warp] = sum;
  __syncthreads();
  Scan s{0, 0};
  for (uint32_t w = 0; w < kHeadWarps; ++w) {
    if (w == warp) s.before = s.total + (sum - v);
    s.total += warps[w];
  }
  return s;
}

/// One row as its block sees it.
struct Row {
  const float* logits;
  uint32_t vocab;
  float scale, greatest;

  template <class F>
  __device__ void for_mine(const F& f) const {
    for (uint32_t c = threadIdx.x * 4; c < vocab; c += kHeadThreads * 4) {
      const float4 z = tempered(logits, c, vocab, scale);
      f(c, z.x);
      f(c + 1, z.y);
      f(c + 2, z.z);
      f(c + 3, z.w);
    }
  }
};

struct Kept {
  double mass, count;
};
/// What a bound on logits keeps; the same in each thread.
__device__ Kept kept(const Row& row, float least) {
  double mass = 0;
  uint32_t count = 0;
  row.for_mine([&](uint32_t column, float z) {
    if (z < least || column >= row.vocab) return;
    mass += static_cast<double>(__expf(z - row.greatest));
    ++count;
  });
  return {scan(mass).total, scan(count).total};
}

/// Floats as integers in the same order, and back.
__device__ uint32_t order_of(float x) {
  const uint32_t bits = __float_as_uint(x);
  return (bits & 0x80000000u) != 0 ? ~bits : bits | 0x80000000u;
}
__device__ float of_order(uint32_t order) {
  return __uint_as_float((order & 0x80000000u) != 0 ? order & 0x7fffffffu : ~order);
}

template <class Enough>
__device__ float bound(const Row& row, float least, const Enough& enough) {
  uint32_t low = order_of(least), high = order_of(row.greatest);
  while (low < high) {
    const uint32_t middle = high - (high - low) / 2;
    if (enough(kept(row, of_order(middle))))
      low = middle;
    else
      high = middle - 1;
  }
  return of_order(low);
}

/// The least logit that the cut keeps.
__device__ float least_kept(const Row& row, const SampleCut& cut) {
  float least = kLowest;
  if (cut.top_k > 0 && cut.top_k < row.vocab)
    least = bound(row, least, [&](const Kept& k) { return k.count >= cut.top_k; });
  if (cut.top_p < 1) {
    const double wanted = kept(row, least).mass * static_cast<double>(cut.top_p);
    least = bound(row, least, [&](const Kept& k) { return k.mass >= wanted; });
  }
  if (cut.min_p > 0) least = fmaxf(least, row.greatest + logf(cut.min_p));
  return least;
}

__device__ uint32_t first_greatest(const Row& row) {
  __shared__ uint32_t first;
  if (threadIdx.x == 0) first = UINT32_MAX;
  __syncthreads();
  row.for_mine([&](uint32_t column, float z) {
    if (column < row.vocab && z == row.greatest) atomicMin(&first, column);
  });
  __syncthreads();
  return first;
}

/// The token at `left` among the elements of thread `owner`, whose masses are laid one after
/// another; by the first warp.
__device__ uint32_t pick(uint32_t owner, double left, const float* masses, uint32_t count) {
  const uint32_t each = (count + kWarp - 1) / kWarp, begin = threadIdx.x * each;
  double sum = 0;
  for (uint32_t i = begin; i < min(begin + each, count); ++i) sum += static_cast<double>(masses[i]);
  double reached = sum;
#pragma unroll
  for (uint32_t step = 1; step < kWarp; step *= 2) {
    const double other = __shfl_up_sync(0xffffffffu, reached, step);
    if (threadIdx.x >= step) reached += other;
  }
  // The first lane that reaches beyond; where rounding left none, the last that has anything.
  const uint32_t beyond = __ballot_sync(0xffffffffu, reached > left && sum > 0);
  const uint32_t any = __ballot_sync(0xffffffffu, sum > 0);
  const uint32_t lane = beyond != 0 ? __ffs(static_cast<int>(beyond)) - 1 : 31 - __clz(any);
  uint32_t found = 0;
  if (threadIdx.x == lane) {
    double at = reached - sum;
    for (uint32_t i = begin; i < min(begin + each, count); ++i) {
      if (masses[i] <= 0) continue;
      at += static_cast<double>(masses[i]);
      found = (i / 4 * kHeadThreads + owner) * 4 + i % 4;
      if (at > left) break;
    }
  }
  return __shfl_sync(0xffffffffu, found, lane);
}

__global__ void sample_kernel(SampleArgs a) {
  __shared__ float masses[4 * kFoursMax];
  __shared__ uint32_t owner;
  __shared__ double left;
  ptx::await_former();
  ptx::let_next_start();
  const uint32_t slot = a.slots[blockIdx.x];
  const Draw draw = a.draws[slot];
  Row row{a.logits + size_t{blockIdx.x} * a.stride, a.vocab, draw.inverse_temperature, 0};
  const Softmax mine = thread_softmax(row.logits, row.vocab, row.scale);
  const Softmax all = row_softmax(mine);
  row.greatest = all.greatest;
  const uint32_t position = a.drawn_counts[slot];
  // A NaN or an infinity anywhere in the row reaches the sum or the weighted sum.
  const bool finite = all.sum - all.sum == 0.0f && all.weighted - all.weighted == 0.0f;
  int32_t token = -1;
  float log_kept = 0;
  if (finite && draw.greedy != 0) {
    token = static_cast<int32_t>(first_greatest(row));
  } else if (finite) {
    float least = kLowest;
    double mass = static_cast<double>(mine.sum * __expf(mine.greatest - all.greatest));
    if (draw.cut.cuts()) {
      least = least_kept(row, draw.cut);
      mass = 0;
      row.for_mine([&](uint32_t column, float z) {
        if (z >= least && column < row.vocab) mass += static_cast<double>(__expf(z - row.greatest));
      });
    }
    if (threadIdx.x == 0) owner = 0;
    const Scan s = scan(mass);
    if (draw.cut.cuts())
      log_kept = fminf(0.0f, logf(static_cast<float>(s.total / static_cast<double>(all.sum))));
    const double wanted =
        static_cast<double>(uniform(draw.key, draw.stream, draw.sample, position)) * s.total;
    // The last thread at or before it that has anything.
    if (mass > 0 && s.before <= wanted) atomicMax(&owner, threadIdx.x);
    __syncthreads();
    if (threadIdx.x == owner) left = wanted - s.before;
    const uint32_t fours =
        (row.vocab / 4 + (row.vocab % 4 != 0) + kHeadThreads - 1 - owner) / kHeadThreads;
    if (threadIdx.x < fours) {
      const uint32_t column = (threadIdx.x * kHeadThreads + owner) * 4;
      const float4 z = tempered(row.logits, column, row.vocab, row.scale);
      const float values[4] = {z.x, z.y, z.z, z.w};
#pragma unroll
      for (int i = 0; i < 4; ++i)
        masses[threadIdx.x * 4 + i] =
            values[i] >= least && values[i] > kLowest ? __expf(values[i] - row.greatest) : 0.0f;
    }
    __syncthreads();
    if (threadIdx.x < kWarp) token = static_cast<int32_t>(pick(owner, left, masses, fours * 4));
  }
  if (threadIdx.x != 0) return;
  a.tokens[blockIdx.x] = token;
  a.log_kept[blockIdx.x] = log_kept;
  a.slot_tokens[slot] = token;
  a.drawn_counts[slot] = position + 1;
  a.logprobs[blockIdx.x] = token < 0 ? 0.0f : log_prob_of(all, row.logits[token] * row.scale);
}

}  // namespace

void sample(cudaStream_t stream, const SampleArgs& a) {
  if (a.rows == 0) return;
  if (a.vocab > 4 * kFoursMax * kHeadThreads)
    throw Error("cuda: a vocabulary of " + std::to_string(a.vocab) + ": at most " +
                std::to_string(4 * kFoursMax * kHeadThreads));
  launch_early(sample_kernel, dim3(static_cast<uint32_t>(a.rows)), kHeadThreads, 0, stream,
               "sample", a);
}

}  // namespace thespis::gpu::cuda
