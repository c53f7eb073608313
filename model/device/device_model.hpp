#pragma once
// What all versions of a model share on a device, and one version's weights there.

#include <memory>
#include <mutex>
#include <vector>

#include "model/device/device_array.hpp"
#include "model/engine/plan.hpp"
#include "model/engine/policy.hpp"

namespace thespis::model {

class DeviceModel;

/// One version's weights in bf16, laid out as the arena on the host. Immutable.
class DeviceWeights {
 public:
  DeviceWeights(std::shared_ptr<DeviceModel> model, DeviceArray<gpu::Bf16> arena)
      : model_(std::move(model)), arena_(std::move(arena)) {}
  /// Its memory serves another version next.
  ~DeviceWeights();
  DeviceWeights(const DeviceWeights&) = delete;
  DeviceWeights& operator=(const DeviceWeights&) = delete;

  const gpu::Bf16* at(uint64_t offset) const { return arena_.data() + offset; }
  const DeviceModel& model() const { return *model_; }

  /// The memory of weights that nobody but the caller holds, their contents still there: for the
  /// next version.
  static DeviceArray<gpu::Bf16> take(std::shared_ptr<const DeviceWeights> last);

 private:
  std::shared_ptr<DeviceModel> model_;
  mutable DeviceArray<gpu::Bf16> arena_;  // Moved from when it is taken.
};

class DeviceModel : public std::enable_shared_from_this<DeviceModel> {
 public:
  /// Checks that products keep the row contract for the model's shapes on this card, unless the
  /// device has given it up; Error names the shape for which they do not.
  static std::shared_ptr<DeviceModel> make(std::shared_ptr<gpu::Device> device,
                                           std::shared_ptr<const Plan> plan);

  const std::shared_ptr<gpu::Device>& device() const { return device_; }
  const Plan& plan() const { return *plan_; }
  const std::shared_ptr<const Plan>& shared_plan() const { return plan_; }
  const float* rope_table() const { return rope_table_.data(); }
  uint64_t arena_size() const { return arena_size_; }

  /// The policy's weights on the device, brought there where they are not.
  std::shared_ptr<const DeviceWeights> weights_of(const Policy& policy);
  /// Memory for another version, its contents open.
  DeviceArray<gpu::Bf16> take_arena();

 private:
  friend class DeviceWeights;
  DeviceModel(std::shared_ptr<gpu::Device> device, std::shared_ptr<const Plan> plan);
  std::shared_ptr<const DeviceWeights> upload(const Policy& policy);
  void check_row_contract();
  void give_back(DeviceArray<gpu::Bf16> arena);

  const std::shared_ptr<gpu::Device> device_;
  const std::shared_ptr<const Plan> plan_;
  const uint64_t arena_size_;
  DeviceArray<float> rope_table_;
  std::mutex mutex_;  // Guards what follows.
  std::vector<DeviceArray<gpu::Bf16>> idle_;
};

/// True where a policy will not be asked for its weights on devices again, since the host has them
/// or nobody else has the policy.
inline bool can_leave_devices(const std::shared_ptr<const Policy>& policy) {
  return policy->on_host() || policy.use_count() == 1;
}

}  // namespace thespis::model
