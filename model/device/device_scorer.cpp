#include "model/device/device_scorer.hpp"

namespace thespis::model {

DeviceScorer::DeviceScorer(std::shared_ptr<DeviceModel> model, uint32_t sequence_max)
    : model_(std::move(model)),
      limits_(scorer_batch(sequence_max)),
      stream_(model_->device()->make_stream()),
      executor_(model_, DeviceExecutor::Purpose::kForward, *stream_, limits_),
      memory_(model_->device()) {}

std::vector<ScoreResult> DeviceScorer::score(const Policy& policy,
                                             std::span<const ScoreItem> items) {
  const auto batch_first = score_batches(items, policy.config(), limits_.rows);
  const auto weights = model_->weights_of(policy);
  std::vector<ScoreResult> results(items.size());
  const std::lock_guard lock(mutex_);
  for (size_t b = 0; b + 1 < batch_first.size(); ++b) {
    WholeSequences sequences;
    for (size_t i = batch_first[b]; i < batch_first[b + 1]; ++i)
      sequences.add({items[i].prompt, items[i].completion, items[i].temperature});
    Batch& batch = sequences.batch();
    if (batch.rows() > 0) {
      const DeviceBatch on_device = memory_.upload(*stream_, batch);
      executor_.forward(*weights, on_device);
      batch.logprobs.resize(on_device.head_count);
      batch.entropies.resize(on_device.head_count);
      const size_t bytes = on_device.head_count * sizeof(float);
      stream_->download(batch.logprobs.data(), on_device.logprobs, bytes);
      stream_->download(batch.entropies.data(), on_device.entropies, bytes);
      stream_->synchronize();
    }
    take_scores(batch, items, batch_first[b], batch_first[b + 1], results);
  }
  return results;
}

}  // namespace thespis::model
