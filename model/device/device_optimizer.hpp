#pragma once
// AdamW on a device: gradient, masters and moments in float, the next version's weights in bf16.
// The same options and formulas as model/engine/optimizer.hpp. Of several ranks each updates its
// own shard.

#include <mutex>
#include <vector>

#include "model/device/device_model.hpp"
#include "model/device/device_rank.hpp"
#include "model/engine/trainer.hpp"

namespace thespis::model {

class DeviceOptimizer {
 public:
  /// Masters as `initial`, moments 0.
  DeviceOptimizer(std::shared_ptr<DeviceModel> model, const Weights& initial, AdamWOptions options,
                  Zero zero, DeviceGroup group, gpu::DeviceStream& stream);

  /// [arena]; with ZeRO-3 only the own shard of it is there.
  float* gradient() const { return zero_ == Zero::kWeights ? whole(gradient_) : gradient_.data(); }
  /// Adds all ranks' gradients, unless with ZeRO-3 that was done layer by layer; the global norm of
  /// the sum. Error naming the tensor that is not finite, on every rank.
  double reduce();
  /// One step: masters and moments of the own shard, and that of the next version's weights.
  void update(double gradient_norm, double learning_rate, gpu::Bf16* weights_out);
  /// The own shard of the present weights.
  void write_weights(gpu::Bf16* weights_out);
  const Shards& shards() const { return shards_; }

  /// The own shard of the masters and moments goes to its place in an arena on the host. Error
  /// where the masters are no longer those of `step`.
  void masters(uint64_t step, std::span<float> arena);
  void first_moment(std::span<float> arena) { download(m_, arena); }
  void second_moment(std::span<float> arena) { download(v_, arena); }
  uint64_t step_count() const { return step_count_; }
  void restore(const Weights& masters, std::span<const float> first_moment,
               std::span<const float> second_moment, uint64_t step_count);

 private:
  void make_tiles();
  void download(const DeviceArray<float>& shard, std::span<float> arena);
  /// An array of the own shard, as an array of the arena.
  float* whole(const DeviceArray<float>& shard) const { return shard.data() - own_.begin; }

  const std::shared_ptr<DeviceModel> model_;
  const WeightLayout layout_;
  const AdamWOptions options_;
  const Zero zero_;
  const DeviceGroup group_;
  const Shards shards_;
  const Shards::Range own_;
  gpu::DeviceStream& stream_;
  std::vector<uint32_t> tile_tensors_;                   // The tensor of each tile of the arena.
  std::vector<collective::ByteRange> squares_of_ranks_;  // In an array of all tiles' squares.
  DeviceArray<gpu::on_device::ParameterTile> tiles_;     // Of the own shard.
  DeviceArray<double> squares_;
  DeviceArray<float> gradient_, masters_, m_, v_;
  DeviceReduction reduction_;
  // Guards the masters and the stream: whoever wants a copy may be another thread.
  std::mutex mutex_;
  uint64_t step_count_ = 0;
};

/// Brings the masters of all ranks' shards to the host, if they are still those of the optimizers'
/// present step when it is called and the optimizers are still there; else it throws Error.
Policy::Fetch fetch_masters(const std::vector<std::shared_ptr<DeviceOptimizer>>& ranks,
                            const ModelConfig& config);

}  // namespace thespis::model
