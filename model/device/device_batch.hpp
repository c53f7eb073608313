#pragma once
// A batch (model/engine/batch.hpp) as the device sees it: arrays in device memory, sizes on the
// host.

#include <vector>

#include "model/device/device_array.hpp"
#include "model/engine/batch.hpp"

namespace thespis::model {

struct DeviceBatch {
  uint32_t rows = 0;
  const int32_t* tokens = nullptr;
  const uint32_t* positions = nullptr;
  const uint32_t* table_rows = nullptr;  ///< By row; only with pages.
  const gpu::DeviceRun* runs = nullptr;
  uint32_t run_count = 0;
  uint32_t rows_max = 0;
  uint32_t keys_max = 0;

  uint32_t head_count = 0;
  const int32_t* head_rows = nullptr;

  // Scoring and training, by head row.
  const float* inverse_temperatures = nullptr;
  const int32_t* targets = nullptr;
  float* entropies = nullptr;
  float* lse = nullptr;
  float* logprobs = nullptr;  ///< Drawing too.

  // Drawing; logits and their shape are the executor's.
  gpu::on_device::SampleArgs draw = {};
  bool draws() const { return draw.slots != nullptr; }
};

/// Pages of all layers.
struct DeviceKv {
  gpu::DevicePages pages;  ///< Of layer 0.
  size_t layer_stride = 0;
};

/// Rows of equal token, for the gradient of the embedding: gpu::on_device::ScatterAddArgs.
struct TokenRows {
  std::vector<int32_t> tokens;
  std::vector<uint32_t> starts, order;
  static TokenRows of(const std::vector<int32_t>& tokens);
};

/// Memory for one batch, filled anew for each.
class DeviceBatchMemory {
 public:
  explicit DeviceBatchMemory(std::shared_ptr<gpu::Device> device) : device_(std::move(device)) {}

  /// Whole sequences: for scoring and training.
  DeviceBatch upload(gpu::DeviceStream& stream, const Batch& batch);
  /// What the backward of the last upload needs besides; in, width and table are left open.
  gpu::on_device::ScatterAddArgs upload(gpu::DeviceStream& stream, const TokenRows& rows);
  float* dlogprobs() const { return dlogprobs_.data(); }

  /// Copies a host array into `to`, growing it.
  template <class T>
  const T* put(gpu::DeviceStream& stream, DeviceArray<T>& to, const std::vector<T>& from) {
    to.reserve(device_, from.size(), "a batch");
    stream.upload(to.data(), from.data(), from.size() * sizeof(T));
    return to.data();
  }

 private:
  std::shared_ptr<gpu::Device> device_;
  DeviceArray<int32_t> tokens_, head_rows_, targets_, row_tokens_;
  DeviceArray<uint32_t> positions_, starts_, order_;
  DeviceArray<gpu::DeviceRun> runs_;
  DeviceArray<float> temperatures_, logprobs_, entropies_, lse_, dlogprobs_;
};

}  // namespace thespis::model
