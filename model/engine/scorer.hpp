#pragma once
// Log-probs and entropies of given completions under a policy: the reference's forward pass.

#include <span>
#include <vector>

#include "gpu/thread_pool.hpp"
#include "model/engine/batch.hpp"
#include "model/engine/policy.hpp"

namespace thespis::model {

struct ScoreItem {
  std::span<const int32_t> prompt;  ///< At least one token.
  std::span<const int32_t> completion;
  float temperature = 1.0f;  ///< 0 (greedy) scores as 1.
};

struct ScoreResult {
  std::vector<float> logprobs;   ///< One for each token of the completion, in nats.
  std::vector<float> entropies;  ///< Of the distribution each token was drawn from, in nats.
};

/// First item of each batch (and the end): whole items in order, at most `tokens` rows each but
/// for single ones that are longer.
/// InputError as score().
std::vector<size_t> score_batches(std::span<const ScoreItem> items, const ModelConfig& config,
                                  uint32_t tokens);
/// The results of items [first, last), which `batch` holds one after another.
void take_scores(const Batch& batch, std::span<const ScoreItem> items, size_t first, size_t last,
                 std::vector<ScoreResult>& results);

/// One result for each item, in order. InputError on an empty prompt, a token outside the
/// vocabulary, or a sequence longer than the model's context.
std::vector<ScoreResult> score(const Policy& policy, std::span<const ScoreItem> items,
                               gpu::ThreadPool& pool);

}  // namespace thespis::model
