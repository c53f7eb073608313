#pragma once
// model/engine/scorer.hpp on a device.

#include <mutex>
#include <span>
#include <vector>

#include "model/device/device_executor.hpp"
#include "model/engine/scorer.hpp"

namespace thespis::model {

/// Thread-safe: one call at a time has the stream.
class DeviceScorer {
 public:
  /// `sequence_max`: rows of the longest item, where they are more than a batch usually has.
  explicit DeviceScorer(std::shared_ptr<DeviceModel> model, uint32_t sequence_max = 0);
  std::vector<ScoreResult> score(const Policy& policy, std::span<const ScoreItem> items);

 private:
  const std::shared_ptr<DeviceModel> model_;
  const BatchLimits limits_;
  std::mutex mutex_;
  std::unique_ptr<gpu::DeviceStream> stream_;
  DeviceExecutor executor_;
  DeviceBatchMemory memory_;
};

}  // namespace thespis::model
