#include "model/engine/rope.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace thespis::model {
namespace {

/// As _compute_llama3_parameters of transformers and Meta's reference code.
double llama3_frequency(const RopeScaling& s, double frequency) {
  const double waves = s.original_context * frequency / (2 * std::numbers::pi);
  if (waves > s.high_freq_factor) return frequency;
  if (waves < s.low_freq_factor) return frequency / s.factor;
  const double smooth = (waves - s.low_freq_factor) / (s.high_freq_factor - s.low_freq_factor);
  return (1 - smooth) * frequency / s.factor + smooth * frequency;
}

/// As _compute_yarn_parameters of transformers.
class YarnBlend {
 public:
  explicit YarnBlend(const ModelConfig& c) : s_(c.rope_scaling) {
    // The pair that makes `turns` full turns within the original context.
    const auto pair_of = [&](double turns) {
      return c.head_dim * std::log(s_.original_context / (turns * 2 * std::numbers::pi)) /
             (2 * std::log(c.rope_theta));
    };
    low_ = pair_of(s_.beta_fast);
    high_ = pair_of(s_.beta_slow);
    if (s_.truncate) {
      low_ = std::floor(low_);
      high_ = std::ceil(high_);
    }
    low_ = std::max(low_, 0.0);
    high_ = std::min(high_, c.head_dim - 1.0);
    if (low_ == high_) high_ += 0.001;
  }
  double frequency(uint32_t pair, double frequency) const {
    const double slowed = std::clamp((pair - low_) / (high_ - low_), 0.0, 1.0);
    return frequency / s_.factor * slowed + frequency * (1 - slowed);
  }

 private:
  const RopeScaling& s_;
  double low_ = 0, high_ = 0;
};

}  // namespace

std::vector<double> rope_frequencies(const ModelConfig& c) {
  std::vector<double> frequencies(c.head_dim / 2);
  for (uint32_t i = 0; i < frequencies.size(); ++i)
    frequencies[i] = std::pow(c.rope_theta, -2.0 * i / c.head_dim);
  switch (c.rope_scaling.kind) {
    case RopeScaling::Kind::kNone:
      break;
    case RopeScaling::Kind::kLlama3:
      for (double& f : frequencies) f = llama3_frequency(c.rope_scaling, f);
      break;
    case RopeScaling::Kind::kYarn: {
      const YarnBlend blend(c);
      for (uint32_t i = 0; i < frequencies.size(); ++i)
        frequencies[i] = blend.frequency(i, frequencies[i]);
    }
  }
  return frequencies;
}

FloatArena make_rope_table(const ModelConfig& c) {
  FloatArena table(uint64_t{c.context_max} * c.head_dim);
  const std::vector<double> frequencies = rope_frequencies(c);
  const bool yarn = c.rope_scaling.kind == RopeScaling::Kind::kYarn;
  const double scale = yarn ? c.rope_scaling.attention_factor : 1.0;
  const uint32_t half = c.head_dim / 2;
  for (uint32_t position = 0; position < c.context_max; ++position) {
    float* row = table.data() + uint64_t{position} * c.head_dim;
    for (uint32_t i = 0; i < half; ++i) {
      const double angle = position * frequencies[i];
      row[i] = static_cast<float>(scale * std::cos(angle));
      row[half + i] = static_cast<float>(scale * std::sin(angle));
    }
  }
  return table;
}

double yarn_attention_factor(double factor) {
  return factor <= 1 ? 1.0 : 0.1 * std::log(factor) + 1.0;
}

}  // namespace thespis::model
