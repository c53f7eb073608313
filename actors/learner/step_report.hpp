#pragma once
// What one optimizer step was like: the numbers of a line of metrics.jsonl.

#include <cstdint>
#include <map>
#include <string>

namespace thespis {

struct StepReport {
  uint64_t step = 0;            ///< 1 for the first.
  uint64_t policy_version = 0;  ///< After the step.
  uint32_t groups = 0, samples = 0;
  double reward = 0;                         ///< Mean score of the samples.
  std::map<std::string, double> components;  ///< Mean of each component.
  double kl = 0;       ///< Mean over loss tokens of the chosen estimator, against the reference.
  double entropy = 0;  ///< Mean over loss tokens, nats.
  double clip_fraction = 0;  ///< Share of loss tokens whose ratio was clipped.
  double loss = 0, grad_norm = 0, learning_rate = 0;
  double length_mean = 0;  ///< Tokens of a completion.
  double length_std = 0;   ///< Their standard deviation.
  uint32_t length_max = 0;
  double truncated = 0;        ///< Share of completions that hit the length limit.
  double age_mean = 0;         ///< Optimizer steps, over tokens.
  uint64_t age_max = 0;        ///< Over tokens that got a gradient.
  uint64_t tokens = 0;         ///< Sampled tokens learned from.
  uint64_t tokens_masked = 0;  ///< Over the age bound: no gradient.
  uint64_t logprobs_compared = 0, logprob_mismatches = 0;
  uint64_t zero_variance_groups = 0;
  double wait_seconds = 0;  ///< The learner waited for its batch.
  double busy_seconds = 0;  ///< It computed.
  std::string starved_by;   ///< Who was waited for most: sampler, reward, reference, or learner.
};

}  // namespace thespis
