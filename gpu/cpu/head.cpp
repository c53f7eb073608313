// The head's row-wise half: log-softmax at a temperature, its gradient, and the draw of a token.

#include <algorithm>
#include <bit>

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

/// Floats as integers in the same order, and back.
THESPIS_INLINE uint32_t order_of(float x) {
  const uint32_t bits = std::bit_cast<uint32_t>(x);
  return (bits & 0x80000000u) != 0 ? ~bits : bits | 0x80000000u;
}
THESPIS_INLINE float of_order(uint32_t order) {
  return std::bit_cast<float>((order & 0x80000000u) != 0 ? order & 0x7fffffffu : ~order);
}

struct Kept {
  double mass = 0.0;  // Of exp(z - greatest).
  uint32_t count = 0;
};

/// The tokens whose logit is at least `least`.
THESPIS_INLINE Kept kept(const float* z, const SampleArgs& a, float greatest, float least) {
  const Lanes shift = splat16(greatest);
  alignas(64) float e[kLanes];
  Kept k;
  for (size_t c = 0; c < a.stride; c += kLanes) {
    store16(e, exp(load16(z + c) - shift));
    for (uint32_t l = 0; l < kLanes && c + l < a.vocab; ++l) {
      if (z[c + l] < least) continue;
      k.mass += static_cast<double>(e[l]);
      ++k.count;
    }
  }
  return k;
}

/// The greatest bound on logits at which `enough` of them are kept, found by bisection.
template <class Enough>
THESPIS_INLINE float bound(const float* z, const SampleArgs& a, float greatest, float least,
                           const Enough& enough) {
  uint32_t low = order_of(least), high = order_of(greatest);  // At low there are enough.
  while (low < high) {
    const uint32_t middle = high - (high - low) / 2;
    if (enough(kept(z, a, greatest, of_order(middle))))
      low = middle;
    else
      high = middle - 1;
  }
  return of_order(low);
}

/// The least logit that the row's cut keeps.
THESPIS_INLINE float least_kept(const float* z, const SampleArgs& a, size_t row, float greatest) {
  float least = kPadding;
  if (a.cuts == nullptr || !a.cuts[row].cuts()) return least;
  const SampleCut& cut = a.cuts[row];
  if (cut.top_k > 0 && cut.top_k < a.vocab)
    least = bound(z, a, greatest, least, [&](const Kept& k) { return k.count >= cut.top_k; });
  if (cut.top_p < 1) {
    const double wanted = kept(z, a, greatest, least).mass * static_cast<double>(cut.top_p);
    least = bound(z, a, greatest, least, [&](const Kept& k) { return k.mass >= wanted; });
  }
  if (cut.min_p > 0) least = std::max(least, greatest + log(cut.min_p));
  return least;
}

/// The logarithm of the probability of the tokens from `least` on.
THESPIS_INLINE float log_kept(const float* z, const SampleArgs& a, float greatest, float least) {
  if (least <= kPadding) return 0.0f;
  const double share = kept(z, a, greatest, least).mass / kept(z, a, greatest, kPadding).mass;
  return log(static_cast<float>(share));
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
    float share = 0.0f;
    // A NaN or an infinity anywhere in the row reaches the sum or the weighted sum.
    if (!(s.sum - s.sum == 0.0f) || !(s.weighted - s.weighted == 0.0f)) continue;
    uint32_t token = 0;
    if (a.uniforms[r] < 0.0f) {
      while (z[token] != s.greatest) ++token;
    } else {
      const Lanes shift = splat16(s.greatest);
      const float least = least_kept(z, a, r, s.greatest);
      if (a.log_kept != nullptr) share = log_kept(z, a, s.greatest, least);
      // The cumulative sum runs in double, in order.
      alignas(64) float e[kLanes];
      double total = 0.0;
      for (size_t c = 0; c < a.stride; c += kLanes) {
        store16(e, exp(load16(z + c) - shift));
        for (uint32_t l = 0; l < kLanes; ++l)
          if (z[c + l] >= least) total += static_cast<double>(e[l]);
      }
      const double threshold = static_cast<double>(a.uniforms[r]) * total;
      double reached = 0.0;
      bool found = false;
      for (size_t c = 0; c < a.stride && !found; c += kLanes) {
        store16(e, exp(load16(z + c) - shift));
        for (uint32_t l = 0; l < kLanes && !found; ++l) {
          if (z[c + l] < least) continue;
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
    if (a.log_kept != nullptr) a.log_kept[r] = share;
  }
}

}  // namespace thespis::gpu::THESPIS_ISA
