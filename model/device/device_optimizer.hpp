#pragma once
// AdamW on a device: gradient, masters and moments in float, the next version's weights in bf16.
// The same options and formulas as model/engine/optimizer.hpp.

#include <mutex>
#include <vector>

#include "model/device/device_model.hpp"
#include "model/engine/trainer.hpp"

namespace thespis::model {

class DeviceOptimizer {
 public:
  /// Masters as `initial`, moments 0.
  DeviceOptimizer(std::shared_ptr<DeviceModel> model, const Weights& initial, AdamWOptions options,
                  gpu::DeviceStream& stream);

  float* gradient() const { return gradient_.data(); }
  /// The global norm of the gradient; waits for it. Error naming the tensor that is not finite.
  double gradient_norm();
  /// One step: masters, moments and the next version's weights.
  void update(double gradient_norm, double learning_rate, gpu::Bf16* weights_out);

  /// The masters on the host, if they are still those of `step`; else Error.
  std::shared_ptr<const Weights> masters(const ModelConfig& config, uint64_t step);
  std::vector<float> first_moment() { return download(m_); }
  std::vector<float> second_moment() { return download(v_); }
  uint64_t step_count() const { return step_count_; }
  void restore(const Weights& masters, std::span<const float> first_moment,
               std::span<const float> second_moment, uint64_t step_count);

 private:
  std::vector<float> download(const DeviceArray<float>& from);

  const std::shared_ptr<DeviceModel> model_;
  const WeightLayout layout_;
  const AdamWOptions options_;
  gpu::DeviceStream& stream_;
  std::vector<uint32_t> tile_tensors_;  // The tensor of each tile.
  DeviceArray<gpu::on_device::ParameterTile> tiles_;
  DeviceArray<double> squares_;
  DeviceArray<float> gradient_, masters_, m_, v_;
  // Guards the masters and the stream: whoever wants a copy may be another thread.
  std::mutex mutex_;
  uint64_t step_count_ = 0;
};

}  // namespace thespis::model
