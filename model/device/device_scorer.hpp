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
  explicit DeviceScorer(std::shared_ptr<DeviceModel> model);
  std::vector<ScoreResult> score(const Policy& policy, std::span<const ScoreItem> items);

 private:
  const std::shared_ptr<DeviceModel> model_;
  std::mutex mutex_;
  std::unique_ptr<gpu::DeviceStream> stream_;
  DeviceExecutor executor_;
  DeviceBatchMemory memory_;
};

}  // namespace thespis::model
