#include "model/device/device_optimizer.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "model/engine/optimizer.hpp"
#include "runtime/base/error.hpp"

namespace thespis::model {
namespace {

DeviceArray<float> cleared(DeviceModel& model, gpu::DeviceStream& stream, const char* what) {
  DeviceArray<float> array(model.device(), model.arena_size(), what);
  stream.zero(array.data(), array.bytes());
  return array;
}

}  // namespace

DeviceOptimizer::DeviceOptimizer(std::shared_ptr<DeviceModel> model, const Weights& initial,
                                 AdamWOptions options, gpu::DeviceStream& stream)
    : model_(std::move(model)), layout_(initial.layout), options_(options), stream_(stream) {
  check(options_);
  std::vector<gpu::on_device::ParameterTile> tiles;
  for (uint32_t t = 0; t < layout_.tensors.size(); ++t) {
    const TensorSpec& spec = layout_.tensors[t];
    const uint64_t size = (spec.size() + gpu::kLanes - 1) / gpu::kLanes * gpu::kLanes;
    for (uint64_t at = 0; at < size; at += gpu::on_device::kTileSize) {
      const uint64_t count = std::min<uint64_t>(gpu::on_device::kTileSize, size - at);
      tiles.push_back({spec.offset + at, static_cast<uint32_t>(count), spec.decays ? 1u : 0u});
      tile_tensors_.push_back(t);
    }
  }
  const auto& device = model_->device();
  tiles_ = {device, tiles.size(), "the optimizer"};
  squares_ = {device, tiles.size(), "the optimizer"};
  stream_.upload(tiles_.data(), tiles.data(), tiles_.bytes());
  gradient_ = cleared(*model_, stream_, "gradients");
  masters_ = {device, model_->arena_size(), "the optimizer's weights"};
  stream_.upload(masters_.data(), initial.arena.data(), masters_.bytes());
  m_ = cleared(*model_, stream_, "the optimizer's first moments");
  v_ = cleared(*model_, stream_, "the optimizer's second moments");
  stream_.synchronize();
}

double DeviceOptimizer::gradient_norm() {
  const auto count = static_cast<uint32_t>(tiles_.size());
  stream_.squares({gradient_.data(), tiles_.data(), count, squares_.data()});
  std::vector<double> squares(count);
  stream_.download(squares.data(), squares_.data(), squares_.bytes());
  stream_.synchronize();
  double total = 0;
  for (size_t i = 0; i < squares.size(); ++i) {
    if (!std::isfinite(squares[i])) throw not_finite(layout_.tensors[tile_tensors_[i]]);
    total += squares[i];
  }
  return std::sqrt(total);
}

void DeviceOptimizer::update(double gradient_norm, double learning_rate, gpu::Bf16* weights_out) {
  const std::lock_guard lock(mutex_);
  const AdamWFactors f = factors(options_, step_count_ + 1, gradient_norm, learning_rate);
  stream_.adamw({tiles_.data(), static_cast<uint32_t>(tiles_.size()), gradient_.data(),
                 masters_.data(), m_.data(), v_.data(), weights_out, f.gradient_scale, f.beta1,
                 f.beta2, f.keep, f.step_size, f.inverse_sqrt_correction2, f.epsilon});
  stream_.synchronize();
  ++step_count_;
}

std::shared_ptr<const Weights> DeviceOptimizer::masters(const ModelConfig& config, uint64_t step) {
  const std::lock_guard lock(mutex_);
  if (step != step_count_)
    throw Error("device: the weights of optimizer step " + std::to_string(step) +
                " are gone: step " + std::to_string(step_count_) + " has replaced them");
  auto weights = std::make_shared<Weights>(config);
  const auto stream = model_->device()->make_stream();
  stream->download(weights->arena.data(), masters_.data(), masters_.bytes());
  stream->synchronize();
  return weights;
}

std::vector<float> DeviceOptimizer::download(const DeviceArray<float>& from) {
  const std::lock_guard lock(mutex_);
  std::vector<float> host(from.size());
  stream_.download(host.data(), from.data(), from.bytes());
  stream_.synchronize();
  return host;
}

void DeviceOptimizer::restore(const Weights& masters, std::span<const float> first_moment,
                              std::span<const float> second_moment, uint64_t step_count) {
  for (const auto& moment : {first_moment, second_moment}) check_moment(layout_, moment);
  const std::lock_guard lock(mutex_);
  stream_.upload(masters_.data(), masters.arena.data(), masters_.bytes());
  stream_.upload(m_.data(), first_moment.data(), m_.bytes());
  stream_.upload(v_.data(), second_moment.data(), v_.bytes());
  stream_.synchronize();
  step_count_ = step_count;
}

}  // namespace thespis::model
