#pragma once
// Walks a plan on a device: one stream, memory of its own. The walk only enqueues work; what it
// gives is there when the stream has come so far.

#include <algorithm>
#include <functional>
#include <memory>
#include <span>

#include "model/device/device_batch.hpp"
#include "model/device/device_memory.hpp"
#include "model/device/device_parameters.hpp"

namespace thespis::model {

class DeviceExecutor {
 public:
  enum class Purpose : uint8_t { kForward, kTraining };
  /// Takes the memory for batches up to `limits`; `recomputed_layers`: Plan::training_memory.
  DeviceExecutor(std::shared_ptr<DeviceModel> model, Purpose purpose, gpu::DeviceStream& stream,
                 const BatchLimits& limits, uint32_t recomputed_layers = 0);

  /// Scores or draws; with pages also fills those of the batch's rows.
  void forward(const DeviceWeights& weights, const DeviceBatch& batch, const DeviceKv& kv = {});

  /// Head rows whose loss is known once their log-probs are: [first, first + count).
  struct HeadRows {
    uint32_t first, count;
  };
  /// Called when the log-probs of rows are enqueued; enqueues their dL/dlogprob.
  using Loss = std::function<void(const HeadRows& rows)>;
  /// Forward and backward of whole sequences: adds to the parameters' gradients.
  /// The head's rows go part by part, forward, loss and backward, so that logits are computed once.
  /// `dlogprobs` by head row. `tokens`, with in, width and table left open, may be known no earlier
  /// than the first loss.
  void train(DeviceParameters& parameters, const DeviceBatch& batch, const Loss& loss,
             const float* dlogprobs, const gpu::on_device::ScatterAddArgs& tokens);

 private:
  /// Tokens, or head rows after kGather.
  using Block = HeadRows;
  void run_forward(const OpRecord& op, const Block& block, const std::vector<Slot>& outputs);
  void run_backward(const OpRecord& op, const Block& block);
  void begin(DeviceParameters& parameters, const DeviceBatch& batch, const DeviceKv& kv);
  void run_segment(const Segment& segment);
  void recompute(const Segment& segment, const Block& block);
  void run_backward(const Segment& segment, const Block& block);
  void train_head(const Segment& segment, const Loss& loss);
  void log_prob(const OpRecord& op, const Block& block);
  void log_prob_backward(const OpRecord& op, const Block& block, const gpu::Bf16* x, gpu::Bf16* dx);
  void add_weight_gradient(const OpRecord& op, const Block& block, const gpu::Bf16* dy,
                           size_t dy_stride, const gpu::Bf16* x);
  void add_input_gradient(const OpRecord& op, const Block& block, const gpu::Bf16* dy,
                          size_t dy_stride, gpu::Bf16* dx);
  void logits(const OpRecord& op, const Block& block, const gpu::Bf16* x);
  gpu::on_device::FinishQkvArgs finish_args(size_t index, const Block& block);
  gpu::DevicePages layer_pages() const;
  gpu::on_device::NormArgs norm_args(const OpRecord& op, const Block& block, const gpu::Bf16* x,
                                     gpu::Bf16* y) const;
  bool finishes_qkv(size_t index) const;
  bool attend_finishes() const;
  bool is_gate(size_t index) const;
  size_t index_of(const OpRecord& op) const {
    return static_cast<size_t>(&op - plan_.ops().data());
  }
  const MemoryPlan& memory() const { return memory_; }
  gpu::Bf16* at(const Slot& slot, ValueId v, const Block& block) const;
  const gpu::Bf16* kept(ValueId v, const Block& block) const;
  float* lse(const Block& block) const;
  uint32_t logits_stride() const { return sizes_.logits_stride; }
  template <class F>
  void for_blocks(const Segment& segment, const F& f) const;

  const std::shared_ptr<DeviceModel> model_;
  const Plan& plan_;
  const Purpose purpose_;
  gpu::DeviceStream& stream_;
  const MemoryPlan memory_;
  const BatchLimits limits_;
  const ExecutorMemory sizes_;
  DeviceArray<gpu::Bf16> whole_, block_;
  DeviceArray<float> logits_, lse_, columns_, delta_;
  DeviceArray<uint8_t> attend_scratch_;

  // Of the walk in progress.
  DeviceParameters* parameters_ = nullptr;
  const DeviceBatch* batch_ = nullptr;
  DeviceKv kv_;
  uint32_t layer_ = 0;
  const float* dlogprobs_ = nullptr;
  const gpu::on_device::ScatterAddArgs* tokens_ = nullptr;
};

template <class F>
void DeviceExecutor::for_blocks(const Segment& segment, const F& f) const {
  if (!segment.head_rows) return f(Block{0, batch_->rows});
  const uint32_t piece = sizes_.head_piece(batch_->head_count);
  for (uint32_t first = 0; first < batch_->head_count; first += piece)
    f(Block{first, std::min(piece, batch_->head_count - first)});
}

}  // namespace thespis::model
