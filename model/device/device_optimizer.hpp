#pragma once
// AdamW on a device: gradient and moments in float, float weights split (gpu/split_float.hpp) into
// the bf16 ones that all compute with and their lower halves. The same options and formulas as
// model/engine/optimizer.hpp. Of several ranks each updates its own shard.

#include <mutex>
#include <optional>
#include <vector>

#include "model/device/device_memory.hpp"
#include "model/device/device_model.hpp"
#include "model/device/device_rank.hpp"
#include "model/engine/trainer.hpp"

namespace thespis::model {

class DeviceOptimizer {
 public:
  /// Float weights as `initial`, moments 0.
  DeviceOptimizer(std::shared_ptr<DeviceModel> model, const Policy& initial, AdamWOptions options,
                  Zero zero, DeviceGroup group, gpu::DeviceStream& stream);

  /// [arena]; where ranks share the weights only the own shard of it is there.
  float* gradient() const { return shares_weights() ? whole(gradient_) : gradient_.data(); }
  /// Adds all ranks' gradients, unless with ZeRO-3 that was done layer by layer; the global norm of
  /// the sum. Error naming the tensor that is not finite, on every rank.
  double reduce();
  /// One step of all ranks: moments and float weights of the own shard, and the next version's
  /// weights, which it returns where this rank samples (else null). `former`: the policy of the
  /// former ones, where it can let them go, since the host has them or nobody else has it; then the
  /// next take their place, unless somebody still computes with them.
  std::shared_ptr<const DeviceWeights> update(double gradient_norm, double learning_rate,
                                              const Policy* former);
  /// True of several ranks with ZeRO-3.
  bool shares_weights() const { return zero_ == Zero::kWeights && group_.ranks() > 1; }
  /// Of ranks that share them, the own shard of the present weights, as an array of the arena: its
  /// place stays.
  const gpu::Bf16* shared_weights() const { return shard_.data() - own_.begin; }
  const Shards& shards() const { return shards_; }

  /// The own shard of the float weights and the moments goes to its place in an arena on the host.
  /// Error where the weights are no longer those of `step`.
  void weights(uint64_t step, std::span<float> arena);
  void first_moment(std::span<float> arena) { download(m_, arena); }
  void second_moment(std::span<float> arena) { download(v_, arena); }
  uint64_t step_count() const { return step_count_; }
  void restore(const Policy& policy, std::span<const float> first_moment,
               std::span<const float> second_moment, uint64_t step_count);

 private:
  void make_tiles();
  void set_weights(const Policy& policy);
  void adamw(const gpu::Bf16* from, gpu::Bf16* to, double gradient_norm, double learning_rate);
  void share(const gpu::Bf16* own, gpu::Bf16* all, const std::string& what);
  void download(const DeviceArray<float>& shard, std::span<float> arena);
  /// An array of the own shard, as an array of the arena.
  template <class T>
  T* whole(const DeviceArray<T>& shard) const {
    return shard.data() - own_.begin;
  }

  const std::shared_ptr<DeviceModel> model_;
  const WeightLayout layout_;
  const AdamWOptions options_;
  const Zero zero_;
  const DeviceGroup group_;
  const Shards shards_;
  const Shards::Range own_;
  const OptimizerMemory sizes_;
  gpu::DeviceStream& stream_;
  std::vector<uint32_t> tile_tensors_;                   // The tensor of each tile of the arena.
  std::vector<collective::ByteRange> squares_of_ranks_;  // In an array of all tiles' squares.
  DeviceArray<gpu::on_device::ParameterTile> tiles_;     // Of the own shard.
  DeviceArray<double> squares_;
  DeviceArray<float> gradient_, m_, v_;
  DeviceArray<uint16_t> low_;
  // The upper halves: of all of the arena, or, where ranks share the weights, of the own shard.
  std::shared_ptr<const DeviceWeights> high_;
  DeviceArray<gpu::Bf16> shard_;
  std::optional<DeviceReduction> reduction_;  // Unless that is done layer by layer.
  // Guards the weights and the stream: whoever wants a copy may be another thread.
  std::mutex mutex_;
  uint64_t step_count_ = 0;
};

/// Brings the float weights of all ranks' shards to the host, if they are still those of the
/// optimizers' present step when it is called and the optimizers are still there; else it throws
/// Error.
Policy::Fetch fetch_weights(const std::vector<std::shared_ptr<DeviceOptimizer>>& ranks,
                            const ModelConfig& config);

}  // namespace thespis::model
