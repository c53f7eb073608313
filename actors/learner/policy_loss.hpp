#pragma once
// The objective that the learner descends, as a pure function of log-probabilities: the clipped
// surrogate of GRPO, the KL to the reference inside the loss, truncated importance sampling, an
// entropy bonus. It gives dL/dlog-prob per token, which the engine carries on into the network.
//   PL-1  A token whose mask is 0 adds nothing: no loss, no gradient, no count.
//   PL-2  The parts of a step's sequences, added in order, are the step's loss: every token is
//         computed alone, so micro-batches of any size give the same gradient per token.
// Float64 inside. Log-ratios are held to +-kLogRatioMax (as verl does), with no gradient outside.

#include <cstdint>
#include <span>

#include "runtime/config/recipe.hpp"

namespace thespis::learner {

inline constexpr double kLogRatioMax = 20.0;

struct LossOptions {
  double clip_ratio_low = 0.2;   ///< Ratios are clipped to [1 - low, 1 + high].
  double clip_ratio_high = 0.2;  ///< R1's first stage has 10 for both; DAPO 0.2 and 0.28.
  config::LossAggMode loss_agg_mode = config::LossAggMode::kTokenMean;
  config::KlType kl_type = config::KlType::kK3;
  double kl_coef = 0.001;  ///< 0: no reference is needed.
  double tis_cap = 0;      ///< 0: ratio against the behaviour policy. Else the decoupled form.
  /// 0: no entropies are needed. No recipe key yet: the engine carries dL/dlogp alone.
  double entropy_coef = 0;

  static LossOptions of(const config::TrainSection& train);
};

/// What the sums of a step are divided by. Counted over ALL sequences of the step before the
/// first gradient, whatever the micro-batches.
struct LossNormaliser {
  uint64_t tokens = 0;      ///< With mask 1: token-mean.
  uint64_t sequences = 0;   ///< With at least one token of mask 1: both seq-mean modes.
  uint64_t length_max = 0;  ///< max_response_length: seq-mean-token-sum-norm (Dr.GRPO).

  explicit LossNormaliser(uint64_t max_response_length) : length_max(max_response_length) {}
  /// Returns how many tokens it added.
  uint64_t add(std::span<const uint8_t> mask);

  /// The factor of one token's loss in the step's loss, for a sequence with `sequence_tokens`
  /// tokens of mask 1.
  double token_weight(config::LossAggMode mode, uint64_t sequence_tokens) const;
};

/// One completion, or tokens in a row of one. All spans have its length, except those that an
/// option makes unneeded (empty).
struct SequenceTerms {
  std::span<const float> logprobs;   ///< Under the weights being trained.
  std::span<const float> behaviour;  ///< Under the policy that sampled each token.
  std::span<const float> log_kept;   ///< Of the behaviour's draws (schemas/rollout): where tokens
                                     ///< were left out. Empty: none were.
  std::span<const float> proximal;   ///< Under the weights before this batch's first update; only
                                     ///< with tis_cap. Empty: this is the first update, = logprobs.
  std::span<const float> reference;  ///< Only if kl_coef != 0.
  std::span<const float> entropies;  ///< Of each token's distribution; only if entropy_coef != 0.
  std::span<const uint8_t> mask;     ///< 1: the token is learned from.
  uint64_t sequence_tokens = 0;  ///< With mask 1, of the whole completion. 0: these are all of it.
  double advantage = 0;
};

/// Loss and statistics of one or more sequences. Sums run over tokens of mask 1.
struct LossParts {
  double policy = 0;   ///< Weighted by token_weight, as the two below: a part of the step's loss.
  double kl = 0;       ///< kl_coef included.
  double entropy = 0;  ///< -entropy_coef included.
  double loss() const { return policy + kl + entropy; }

  uint64_t tokens = 0;
  uint64_t clipped_high = 0;  ///< Tokens whose gradient the upper clip stopped (advantage > 0).
  uint64_t clipped_low = 0;   ///< ... the lower clip (advantage < 0).
  uint64_t tis_capped = 0;    ///< Tokens whose importance weight hit tis_cap.
  double kl_sum = 0;  ///< Of kl_type's estimator; mean KL = kl_sum / tokens. No coefficient.
  double ratio_sum = 0;
  double ratio_max = 0;  ///< Of policy ratios; 1 everywhere for an on-policy first update.

  double clip_fraction() const;  ///< 0 without tokens.
  void add(const LossParts& other);
};

/// The loss of one sequence, or of a part of one, and its gradient. Minimised per token, with
/// weight c = token_weight:
///   plain      -c min(r A, clip(r) A),    r = exp(logp - behaviour)
///   decoupled  -c w min(r A, clip(r) A),  r = exp(logp - proximal), w = min(exp(proximal -
///              behaviour), tis_cap), w constant (Hilton et al. 2022 with Yao et al.'s truncation)
/// With log_kept, the surrogate is also weighted by exp(log_kept): what was drawn from is the
/// behaviour policy without the tokens left out, so each of the others came too often by its
/// inverse. The decoupled weight has it under its cap.
///   + c kl_coef KL(logp, reference): k1 = d, k2 = d^2 / 2, k3 = exp(-d) + d - 1, d = logp - ref
///   - c entropy_coef H
/// Writes dL/dlogp of every token (0 where masked) into `dlogprobs`, and dL/dH into `dentropies` if
/// it is not empty. Sizes that do not fit are a bug of the caller.
LossParts sequence_loss(const LossOptions& options, const LossNormaliser& normaliser,
                        const SequenceTerms& terms, std::span<float> dlogprobs,
                        std::span<float> dentropies = {});

}  // namespace thespis::learner
