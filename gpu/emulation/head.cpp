// The head's row-wise half: log-softmax at a temperature, its gradient, and the draw of a token.

#include <array>
#include <limits>

#include "gpu/emulation/bf16.hpp"
#include "gpu/emulation/kernels.hpp"
#include "runtime/env/random.hpp"

namespace thespis::gpu::emulation {
namespace {

/// A row of logits that the CPU's operations may change.
Floats row_of(const float* logits, size_t row, size_t stride, uint32_t vocab) {
  const float* const from = logits + row * stride;
  Floats z(round_up(vocab, kLanes));
  std::copy(from, from + vocab, z.begin());
  return z;
}

struct Scored {
  float logprob, entropy, lse;
};
Scored score(Floats z, uint32_t vocab, float inverse_temperature, int32_t target) {
  Scored s{};
  const float logit = z[static_cast<size_t>(target)] * inverse_temperature;
  cpu_ops().log_prob(
      {z.data(), 1, z.size(), vocab, &inverse_temperature, &target, &s.logprob, &s.entropy});
  s.lse = logit - s.logprob;
  return s;
}

}  // namespace

void log_prob(const LogProbArgs& a) {
  for (size_t r = 0; r < a.rows; ++r) {
    const Scored s = score(row_of(a.logits, r, a.stride, a.vocab), a.vocab,
                           a.inverse_temperatures[r], a.targets[r]);
    a.logprobs[r] = s.logprob;
    a.entropies[r] = s.entropy;
    a.lse[r] = s.lse;
  }
}

void log_prob_backward(const LogProbBackwardArgs& a) {
  for (size_t r = 0; r < a.rows; ++r) {
    Floats z = row_of(a.logits, r, a.stride, a.vocab);
    const float scale = a.inverse_temperatures[r];
    const int32_t target = a.targets[r];
    // The CPU's gradient sums again; a card takes the sum that log_prob gave.
    const float lse = score(z, a.vocab, scale, target).lse;
    const float g = lse == a.lse[r] ? a.dlogprobs[r] : std::numeric_limits<float>::quiet_NaN();
    cpu_ops().log_prob_backward({z.data(), 1, z.size(), a.vocab, &scale, &target, &g});
    z.resize(a.stride, 0.0f);
    auto* const to = reinterpret_cast<Bf16*>(a.logits + r * a.stride);
    round_to(z.data(), a.stride, to);
    spoil(to + a.stride, a.stride * sizeof(Bf16));
  }
}

void sample(const SampleArgs& a) {
  for (size_t r = 0; r < a.rows; ++r) {
    const uint32_t slot = a.slots[r], position = a.drawn_counts[slot];
    const Draw& draw = a.draws[slot];
    const std::array<uint32_t, 4> counter = {static_cast<uint32_t>(draw.stream),
                                             static_cast<uint32_t>(draw.stream >> 32), draw.sample,
                                             position};
    const float uniform =
        draw.greedy != 0 ? -1.0f
                         : static_cast<float>(env::philox(draw.key, counter)[0] >> 8) * 0x1.0p-24f;
    Floats z = row_of(a.logits, r, a.stride, a.vocab);
    a.log_kept[r] = 0;
    cpu_ops().sample({z.data(), 1, z.size(), a.vocab, &draw.inverse_temperature, &uniform,
                      a.tokens + r, a.logprobs + r, draw.cut.cuts() ? &draw.cut : nullptr,
                      a.log_kept + r});
    a.slot_tokens[slot] = a.tokens[r];
    a.drawn_counts[slot] = position + 1;
  }
}

}  // namespace thespis::gpu::emulation
