#include "actors/learner/policy_loss.hpp"

#include <algorithm>
#include <cmath>

#include "runtime/base/assert.hpp"

namespace thespis::learner {
namespace {

/// A value and its derivative with respect to the token's log-prob.
struct Term {
  double value = 0;
  double slope = 0;
};

/// a - b held to +-kLogRatioMax, with slope 1 inside the bounds and 0 outside. The slope is by `a`.
Term log_ratio(double a, double b) {
  const double difference = a - b;
  const double held = std::clamp(difference, -kLogRatioMax, kLogRatioMax);
  return {held, held == difference ? 1.0 : 0.0};
}

Term kl_term(config::KlType type, double logprob, double reference) {
  const Term d = log_ratio(logprob, reference);
  switch (type) {
    case config::KlType::kK1:
      return d;
    case config::KlType::kK2:
      return {0.5 * d.value * d.value, d.value * d.slope};
    case config::KlType::kK3:
      // expm1 keeps the value exact near 0, where exp(-d) - 1 would lose it.
      return {std::expm1(-d.value) + d.value, -std::expm1(-d.value) * d.slope};
  }
  THESPIS_ASSERT(false);
}

uint64_t tokens_of(std::span<const uint8_t> mask) {
  return static_cast<uint64_t>(
      std::count_if(mask.begin(), mask.end(), [](uint8_t m) { return m; }));
}

void check_sizes(const LossOptions& options, const SequenceTerms& terms, size_t gradient_size) {
  const size_t n = terms.mask.size();
  THESPIS_ASSERT(terms.logprobs.size() == n && terms.behaviour.size() == n);
  THESPIS_ASSERT(gradient_size == n);
  THESPIS_ASSERT(terms.log_kept.empty() || terms.log_kept.size() == n);
  THESPIS_ASSERT(terms.proximal.empty() || terms.proximal.size() == n);
  THESPIS_ASSERT(options.kl_coef == 0 || terms.reference.size() == n);
  THESPIS_ASSERT(options.entropy_coef == 0 || terms.entropies.size() == n);
}

}  // namespace

LossOptions LossOptions::of(const config::TrainSection& train) {
  return {.clip_ratio_low = train.clip_ratio_low,
          .clip_ratio_high = train.clip_ratio_high,
          .loss_agg_mode = train.loss_agg_mode,
          .kl_type = train.kl_type,
          .kl_coef = train.kl_coef,
          .tis_cap = train.tis_cap};
}

uint64_t LossNormaliser::add(std::span<const uint8_t> mask) {
  const uint64_t count = tokens_of(mask);
  tokens += count;
  sequences += count > 0;
  return count;
}

double LossNormaliser::token_weight(config::LossAggMode mode, uint64_t sequence_tokens) const {
  const auto inverse = [](uint64_t a, uint64_t b) {
    THESPIS_ASSERT(a > 0 && b > 0);
    return 1.0 / (static_cast<double>(a) * static_cast<double>(b));
  };
  switch (mode) {
    case config::LossAggMode::kTokenMean:
      return inverse(tokens, 1);
    case config::LossAggMode::kSeqMeanTokenMean:
      return inverse(sequences, sequence_tokens);
    case config::LossAggMode::kSeqMeanTokenSumNorm:
      return inverse(sequences, length_max);
  }
  THESPIS_ASSERT(false);
}

double LossParts::clip_fraction() const {
  if (tokens == 0) return 0;
  return static_cast<double>(clipped_high + clipped_low) / static_cast<double>(tokens);
}

void LossParts::add(const LossParts& other) {
  policy += other.policy;
  kl += other.kl;
  entropy += other.entropy;
  tokens += other.tokens;
  clipped_high += other.clipped_high;
  clipped_low += other.clipped_low;
  tis_capped += other.tis_capped;
  kl_sum += other.kl_sum;
  ratio_sum += other.ratio_sum;
  ratio_max = std::max(ratio_max, other.ratio_max);
}

LossParts sequence_loss(const LossOptions& options, const LossNormaliser& normaliser,
                        const SequenceTerms& terms, std::span<float> dlogprobs,
                        std::span<float> dentropies) {
  check_sizes(options, terms, dlogprobs.size());
  THESPIS_ASSERT(dentropies.empty() || dentropies.size() == terms.mask.size());
  std::fill(dlogprobs.begin(), dlogprobs.end(), 0.0f);
  std::fill(dentropies.begin(), dentropies.end(), 0.0f);
  LossParts parts;
  parts.tokens = tokens_of(terms.mask);
  if (parts.tokens == 0) return parts;

  const bool decoupled = options.tis_cap > 0;
  const double weight = normaliser.token_weight(
      options.loss_agg_mode, terms.sequence_tokens > 0 ? terms.sequence_tokens : parts.tokens);
  const double low = 1 - options.clip_ratio_low, high = 1 + options.clip_ratio_high;
  const double advantage = terms.advantage;
  for (size_t i = 0; i < terms.mask.size(); ++i) {
    if (terms.mask[i] == 0) continue;
    const double logprob = terms.logprobs[i];
    double old = terms.behaviour[i];
    double importance = terms.log_kept.empty() ? 1 : std::exp(double{terms.log_kept[i]});
    if (decoupled) {
      old = terms.proximal.empty() ? logprob : terms.proximal[i];
      importance *= std::exp(log_ratio(old, terms.behaviour[i]).value);
      parts.tis_capped += importance > options.tis_cap;
      importance = std::min(importance, options.tis_cap);
    }

    const Term log_policy = log_ratio(logprob, old);
    const double ratio = std::exp(log_policy.value);
    // Of the two products in min(r A, clip(r) A) the clipped one, which has no slope, wins exactly
    // here.
    const bool over = advantage > 0 && ratio > high, under = advantage < 0 && ratio < low;
    const double used_ratio = over ? high : under ? low : ratio;
    parts.clipped_high += over;
    parts.clipped_low += under;
    parts.ratio_sum += ratio;
    parts.ratio_max = std::max(parts.ratio_max, ratio);
    parts.policy -= weight * importance * used_ratio * advantage;
    double slope =
        over || under ? 0.0 : -weight * importance * ratio * log_policy.slope * advantage;

    if (options.kl_coef != 0) {
      const Term kl = kl_term(options.kl_type, logprob, terms.reference[i]);
      parts.kl_sum += kl.value;
      parts.kl += weight * options.kl_coef * kl.value;
      slope += weight * options.kl_coef * kl.slope;
    }
    if (options.entropy_coef != 0) {
      parts.entropy -= weight * options.entropy_coef * terms.entropies[i];
      if (!dentropies.empty()) dentropies[i] = static_cast<float>(-weight * options.entropy_coef);
    }
    dlogprobs[i] = static_cast<float>(slope);
  }
  return parts;
}

}  // namespace thespis::learner
