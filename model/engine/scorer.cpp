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

std::vector<ScoreResult> score(const Policy& policy, std::span<const ScoreItem> items,
                               gpu::ThreadPool& pool) {
  const ModelConfig& config = policy.config();
  std::vector<size_t> batch_first;  // First item of each batch.
  uint32_t rows = kTokensPerBatch;
  for (size_t i = 0; i < items.size(); ++i) {
    const ScoredSequence s{items[i].prompt, items[i].completion, items[i].temperature};
    check_sequence(s, config.vocab_size, config.context_max, "score item " + std::to_string(i));
    if (rows >= kTokensPerBatch) {
      batch_first.push_back(i);
      rows = 0;
    }
    rows += s.rows();
  }
  const size_t batch_count = batch_first.size();
  batch_first.push_back(items.size());

  std::vector<ScoreResult> results(items.size());
  ExecutorSet executors(policy.shared_plan(), Executor::Purpose::kForward);
  pool.parallel_for(batch_count, [&](size_t b) {
    const ExecutorSet::Loan executor = executors.borrow();
    WholeSequences sequences;
    for (size_t i = batch_first[b]; i < batch_first[b + 1]; ++i)
      sequences.add({items[i].prompt, items[i].completion, items[i].temperature});
    executor->forward(policy, sequences);
    const Batch& batch = sequences.batch();
    size_t at = 0;
    for (size_t i = batch_first[b]; i < batch_first[b + 1]; ++i) {
      const size_t count = items[i].completion.size();
      const auto part = [&](const std::vector<float>& from) {
        const auto begin = from.begin() + static_cast<ptrdiff_t>(at);
        return std::vector<float>(begin, begin + static_cast<ptrdiff_t>(count));
      };
      results[i] = {part(batch.logprobs), part(batch.entropies)};
      at += count;
    }
  });
  return results;
}

}  // namespace thespis::model
