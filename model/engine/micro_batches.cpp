#include "model/engine/micro_batches.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <string>

#include "runtime/base/assert.hpp"
#include "runtime/base/error.hpp"

namespace thespis::model {
namespace {

/// `first` is the token of values[0].
void check_finite(size_t item, size_t first, std::span<const float> values, const char* what) {
  for (size_t p = 0; p < values.size(); ++p)
    if (!std::isfinite(values[p]))
      throw Error("training: item " + std::to_string(item) + ": the " + what + " of token " +
                  std::to_string(first + p) + " is not finite; the step was not taken");
}

}  // namespace

ScoredSequence scored(const TrainItem& item) {
  return {item.prompt, item.completion, item.temperature};
}

void check(const TrainerLimits& limits) {
  if (limits.micro_batch_tokens == 0 || limits.lanes == 0)
    throw InputError("trainer limits: micro_batch_tokens and lanes must be at least 1");
}

void check_step(std::span<const TrainItem> items, const ModelConfig& config, double learning_rate) {
  for (size_t i = 0; i < items.size(); ++i)
    check_sequence(scored(items[i]), config.vocab_size, config.context_max,
                   "training item " + std::to_string(i));
  if (!std::isfinite(learning_rate) || learning_rate < 0)
    throw InputError("training: learning rate " + std::to_string(learning_rate) +
                     " must be finite and at least 0");
}

void check_same_model(const Policy& restored, const Policy& current) {
  if (restored.config() != current.config())
    throw InputError("trainer restore: the policy is of another model");
}

std::vector<size_t> split(std::span<const TrainItem> items, const TrainerLimits& limits) {
  uint64_t total = 0;
  for (const TrainItem& item : items) total += scored(item).rows();
  const uint64_t needed = (total + limits.micro_batch_tokens - 1) / limits.micro_batch_tokens;
  const uint64_t count =
      needed <= limits.lanes
          ? std::min<uint64_t>(limits.lanes, std::bit_ceil(std::max<uint64_t>(needed, 1)))
          : (needed + limits.lanes - 1) / limits.lanes * limits.lanes;
  std::vector<size_t> first{0};
  uint64_t rows = 0, in_batch = 0;
  for (size_t i = 0; i < items.size(); ++i) {
    const uint64_t next = scored(items[i]).rows();
    const bool has_its_share = first.size() < count && rows * count >= total * first.size();
    if (i > first.back() && (has_its_share || in_batch + next > limits.micro_batch_tokens)) {
      first.push_back(i);
      in_batch = 0;
    }
    rows += next;
    in_batch += next;
  }
  first.push_back(items.size());
  return first;
}

std::vector<float> BatchLoss::next(std::span<const float> logprobs,
                                   std::span<const float> entropies) {
  std::vector<float> gradients(logprobs.size());
  for (size_t at = 0; at < logprobs.size();) {
    THESPIS_ASSERT(item_ < last_);
    const size_t left = items_[item_].completion.size() - token_;
    const size_t count = std::min(left, logprobs.size() - at);
    if (count > 0) {
      const ScoredTokens tokens{item_, token_, logprobs.subspan(at, count),
                                entropies.subspan(at, count)};
      const std::span<float> dloss{gradients.data() + at, count};
      check_finite(item_, token_, tokens.logprobs, "log-prob");
      loss_(tokens, dloss);
      check_finite(item_, token_, dloss, "loss gradient");
    }
    at += count;
    token_ += count;
    if (count < left) break;
    ++item_;
    token_ = 0;
  }
  return gradients;
}

Trainer::StepStats step_stats(std::span<const TrainItem> items, const Plan& plan) {
  Trainer::StepStats stats;
  for (const TrainItem& item : items) {
    const uint64_t rows = scored(item).rows();
    stats.tokens += rows;
    stats.flops += 3.0 * plan.forward_flops(rows, item.completion.size());
  }
  return stats;
}

}  // namespace thespis::model
