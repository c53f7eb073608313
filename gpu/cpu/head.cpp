// The head's row-wise half: log-softmax at a temperature, its gradient, and the draw of a token.

#include "gpu/cpu/simd.hpp"
#include "gpu/cpu/table.hpp"

namespace thespis::gpu::THESPIS_ISA {
namespace {

constexpr float kPadding = -1e30f;  // Far below any logit; its exponential is 0.

struct Softmax {
  float greatest;
  float sum;       // Of exp(z - greatest).
  float weighted;  // Of exp(z - greatest) * (z - greatest).
  float log_sum;   // log(sum).
};

/// Scales one row by the inverse temperature, pads it, and reduces it.
THESPIS_INLINE Softmax softmax(float* z, size_t stride, uint32_t vocab, float inverse_temperature) {
  for (size_t c = vocab; c < stride; ++c) z[c] = kPadding;
  const Lanes scale = splat16(inverse_temperature);
  Lanes top = splat16(kPadding);
  for (size_t c = 0; c < stride; c += kLanes) {
    const Lanes v = load16(z + c) * scale;
    store16(z + c, v);
    top = max(v, top);
  }
  Softmax s;
  s.greatest = greatest(top);
  const Lanes shift = splat16(s.greatest);
  Lanes total = splat16(0.0f), weighted = splat16(0.0f);
  for (size_t c = 0; c < stride; c += kLanes) {
    const Lanes d = load16(z + c) - shift, e = exp(d);
    total = total + e;
    weighted = fma(e, d, weighted);
  }
  s.sum = sum(total);
  s.weighted = sum(weighted);
  s.log_sum = log(s.sum);
  return s;
}

THESPIS_INLINE float log_prob_of(const Softmax& s, float z) {
  return (z - s.greatest) - s.log_sum;
}

}  // namespace

void log_prob(const LogProbArgs& a) {
  for (size_t r = 0; r < a.rows; ++r) {
    float* z = a.logits + r * a.stride;
    const Softmax s = softmax(z, a.stride, a.vocab, a.inverse_temperatures[r]);
    a.logprobs[r] = log_prob_of(s, z[a.targets[r]]);
    a.entropies[r] = s.log_sum - s.weighted / s.sum;
  }
}

void log_prob_backward(const LogProbBackwardArgs& a) {
  for (size_t r = 0; r < a.rows; ++r) {
    float* z = a.logits + r * a.stride;
    const Softmax s = softmax(z, a.stride, a.vocab, a.inverse_temperatures[r]);
    // dlogits = g / T (onehot - p).
    const float g = a.dlogprobs[r] * a.inverse_temperatures[r];
    const Lanes scale = splat16(-g / s.sum), shift = splat16(s.greatest);
    for (size_t c = 0; c < a.stride; c += kLanes)
      store16(z + c, exp(load16(z + c) - shift) * scale);
    z[a.targets[r]] = z[a.targets[r]] + g;
    for (size_t c = a.vocab; c < a.stride; ++c) z[c] = 0.0f;
  }
}

void sample(const SampleArgs& a) {
  for (size_t r = 0; r < a.rows; ++r) {
    float* z = a.logits + r * a.stride;
    const Softmax s = softmax(z, a.stride, a.vocab, a.inverse_temperatures[r]);
    a.tokens[r] = -1;
    a.logprobs[r] = 0.0f;
    // A NaN or an infinity anywhere in the row reaches the sum or the weighted sum.
    if (!(s.sum - s.sum == 0.0f) || !(s.weighted - s.weighted == 0.0f)) continue;
    uint32_t token = 0;
    if (a.uniforms[r] < 0.0f) {
      while (z[token] != s.greatest) ++token;
    } else {
      const Lanes shift = splat16(s.greatest);
      // The row becomes its exponentials; the cumulative sum runs in double, in order.
      alignas(64) float e[kLanes];
      double total = 0.0;
      for (size_t c = 0; c < a.stride; c += kLanes) {
        store16(e, exp(load16(z + c) - shift));
        for (uint32_t l = 0; l < kLanes; ++l) total += static_cast<double>(e[l]);
      }
      const double threshold = static_cast<double>(a.uniforms[r]) * total;
      double reached = 0.0;
      bool found = false;
      for (size_t c = 0; c < a.stride && !found; c += kLanes) {
        store16(e, exp(load16(z + c) - shift));
        for (uint32_t l = 0; l < kLanes && !found; ++l) {
          reached += static_cast<double>(e[l]);
          if (reached > threshold) {
            token = static_cast<uint32_t>(c) + l;
            found = true;
          }
        }
      }
    }
    a.tokens[r] = static_cast<int32_t>(token);
    a.logprobs[r] = log_prob_of(s, z[token]);
  }
}

}  // namespace thespis::gpu::THESPIS_ISA
