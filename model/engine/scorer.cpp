#include "model/engine/scorer.hpp"

#include <algorithm>
#include <memory>
#include <string>

#include "model/engine/executor.hpp"
#include "model/engine/executor_set.hpp"

namespace thespis::model {
namespace {

constexpr uint32_t kTokensPerBatch = 1024;

}  // namespace

std::vector<size_t> score_batches(std::span<const ScoreItem> items, const ModelConfig& config,
                                  uint32_t tokens) {
  std::vector<size_t> first;
  uint32_t rows = 0;
  for (size_t i = 0; i < items.size(); ++i) {
    const ScoredSequence s{items[i].prompt, items[i].completion, items[i].temperature};
    check_sequence(s, config.vocab_size, config.context_max, "score item " + std::to_string(i));
    if (i == 0 || rows + s.rows() > tokens) {
      first.push_back(i);
      rows = 0;
    }
    rows += s.rows();
  }
  first.push_back(items.size());
  return first;
}

void take_scores(const Batch& batch, std::span<const ScoreItem> items, size_t first, size_t last,
                 std::vector<ScoreResult>& results) {
  size_t at = 0;
  for (size_t i = first; i < last; ++i) {
    const size_t count = items[i].completion.size();
    const auto part = [&](const std::vector<float>& from) {
      const auto begin = from.begin() + static_cast<ptrdiff_t>(at);
      return std::vector<float>(begin, begin + static_cast<ptrdiff_t>(count));
    };
    results[i] = {part(batch.logprobs), part(batch.entropies)};
    at += count;
  }
}

std::vector<ScoreResult> score(const Policy& policy, std::span<const ScoreItem> items,
                               gpu::ThreadPool& pool) {
  const auto first = score_batches(items, policy.config(), kTokensPerBatch);
  std::vector<ScoreResult> results(items.size());
  ExecutorSet executors(policy.shared_plan(), Executor::Purpose::kForward);
  pool.parallel_for(first.size() - 1, [&](size_t b) {
    const ExecutorSet::Loan executor = executors.borrow();
    WholeSequences sequences;
    for (size_t i = first[b]; i < first[b + 1]; ++i)
      sequences.add({items[i].prompt, items[i].completion, items[i].temperature});
    executor->forward(policy, sequences);
    take_scores(sequences.batch(), items, first[b], first[b + 1], results);
  });
  return results;
}

}  // namespace thespis::model
