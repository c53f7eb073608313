#pragma once
// One version of the weights, ready to compute with: the flat arena, the plan of its family, the
// packed panels of its matrices once the CPU computes with them, and the same weights on devices
// once those do. Immutable to the eye; sampler, scorer and trainer share it.

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>

#include "model/engine/weights.hpp"

namespace thespis::model {

class DeviceModel;
class DeviceWeights;
class Plan;
class PackedWeights;

class Policy {
 public:
  /// InputError where the engine cannot run the shapes (it names the field).
  Policy(std::shared_ptr<const Weights> weights, uint64_t version);
  /// Another version of the same model: shares the plan of `previous`. The config must be equal.
  Policy(const Policy& previous, std::shared_ptr<const Weights> weights, uint64_t version);
  /// Another version of the same model that was made on devices; `fetch` brings the weights to the
  /// host when weights() is first called, or throws Error when it is too late for that.
  using Fetch = std::function<std::shared_ptr<const Weights>()>;
  using OnDevices = std::map<const DeviceModel*, std::shared_ptr<const DeviceWeights>>;
  Policy(const Policy& previous, OnDevices weights, Fetch fetch, uint64_t version);
  ~Policy();
  Policy(const Policy&) = delete;
  Policy& operator=(const Policy&) = delete;

  const Weights& weights() const {
    const Weights* host = host_.load(std::memory_order_acquire);
    return host != nullptr ? *host : *shared_weights();
  }
  std::shared_ptr<const Weights> shared_weights() const;
  const ModelConfig& config() const;
  uint64_t version() const { return version_; }

  const Plan& plan() const { return *plan_; }
  std::shared_ptr<const Plan> shared_plan() const { return plan_; }
  const PackedWeights& packed() const;
  /// The weights of a tensor or a matrix that begins at `offset` of the arena.
  const float* at(uint64_t offset) const { return weights().arena.data() + offset; }

  /// On a device; `upload` brings them there when this is first called for it.
  using Upload = std::function<std::shared_ptr<const DeviceWeights>(const Policy&)>;
  std::shared_ptr<const DeviceWeights> on_device(const DeviceModel& device,
                                                 const Upload& upload) const;
  /// Lets that device's go: where they are asked for again, they come from the host.
  void leave_device(const DeviceModel& device) const;
  bool on_host() const { return host_.load(std::memory_order_acquire) != nullptr; }

 private:
  uint64_t version_;
  std::shared_ptr<const Plan> plan_;
  Fetch fetch_;
  mutable std::mutex mutex_;  // Guards what is made when it is first asked for.
  mutable std::shared_ptr<const Weights> weights_;
  mutable std::atomic<const Weights*> host_ = nullptr;  // weights_, without the lock.
  mutable std::unique_ptr<const PackedWeights> packed_;
  mutable std::atomic<const PackedWeights*> panels_ = nullptr;  // packed_, likewise.
  mutable OnDevices on_devices_;
};

}  // namespace thespis::model
