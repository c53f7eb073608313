#include "model/device/device_layers.hpp"

#include <utility>

namespace thespis::model {

DeviceLayers::DeviceLayers(std::shared_ptr<DeviceModel> model, const DeviceGroup& group,
                           const DeviceOptimizer& optimizer, gpu::DeviceStream& compute)
    : model_(std::move(model)),
      group_(group),
      optimizer_(optimizer),
      shards_(optimizer.shards()),
      own_(shards_.of_rank(group.rank())),
      window_(model_->plan()),
      compute_(compute),
      transfer_(model_->device()->make_stream()),
      reduction_(model_->device(), group_, shards_),
      weights_(make<gpu::Bf16>(window_.weight_sizes(), "a layer's weights")),
      gradients_(make<float>(window_.gradient_sizes(), "a layer's gradients")) {}

template <class T>
std::vector<DeviceLayers::Buffer<T>> DeviceLayers::make(const std::vector<uint64_t>& sizes,
                                                        const char* what) {
  std::vector<Buffer<T>> buffers;
  for (const uint64_t size : sizes) {
    buffers.push_back(
        {{model_->device(), size, what}, transfer_->make_event(), transfer_->make_event()});
    transfer_->record(*buffers.back().free);
  }
  return buffers;
}

void DeviceLayers::begin(float* total, const std::string& step) {
  total_ = total;
  step_ = step;
  compute_.zero(total + own_.begin, own_.size() * sizeof(float));
  wait_for(*transfer_, compute_);
}

void DeviceLayers::end() {
  wait_for(compute_, *transfer_);
}

void DeviceLayers::walk() {
  window_.walk([this](uint32_t segment, Way way) {
    enter(segment, way);
    leave(segment, way);
  });
}

void DeviceLayers::wait_for(gpu::DeviceStream& waiter, gpu::DeviceStream& of) {
  const auto reached = of.make_event();
  of.record(*reached);
  waiter.wait(*reached);
}

template <class T>
T* DeviceLayers::at(const std::vector<Buffer<T>>& buffers, LayerWindow::Place place,
                    uint64_t offset) const {
  return buffers[place.buffer].array.data() +
         (offset - window_.units().units()[place.unit].range.begin);
}

const gpu::Bf16* DeviceLayers::weight(uint64_t offset) const {
  return at(weights_, window_.weights_at(offset), offset);
}

float* DeviceLayers::gradient(uint64_t offset) const {
  return at(gradients_, window_.gradients_at(offset), offset);
}

void DeviceLayers::fetch(LayerWindow::Place place) {
  const Shards::Range& range = window_.units().units()[place.unit].range;
  Buffer<gpu::Bf16>& buffer = weights_[place.buffer];
  transfer_->wait(*buffer.free);
  gather_weights(*transfer_, group_, shards_, range, optimizer_.shared_weights(),
                 buffer.array.data() - range.begin, "weights for " + step_);
  transfer_->record(*buffer.ready);
}

void DeviceLayers::enter(uint32_t segment, Way way) {
  const auto [fetched, begun] = window_.enter(segment, way);
  for (const LayerWindow::Place& place : fetched) fetch(place);
  for (const uint32_t unit : window_.units().of_segment(segment))
    compute_.wait(*weights_[window_.weights_of(unit)].ready);
  for (const auto& [unit, buffer] : begun) {
    compute_.wait(*gradients_[buffer].free);
    compute_.zero(gradients_[buffer].array.data(),
                  window_.units().units()[unit].range.size() * sizeof(float));
  }
}

void DeviceLayers::leave(uint32_t segment, Way way) {
  const auto [weights, gradients] = window_.leave(segment, way);
  for (const LayerWindow::Place& place : weights) compute_.record(*weights_[place.buffer].free);
  for (const LayerWindow::Place& place : gradients) reduce(place);
}

void DeviceLayers::reduce(LayerWindow::Place place) {
  const Shards::Range& range = window_.units().units()[place.unit].range;
  Buffer<float>& buffer = gradients_[place.buffer];
  wait_for(*transfer_, compute_);
  float* const gradient = buffer.array.data() - range.begin;
  reduction_.sum(*transfer_, gradient, range, "gradients of " + step_);
  const Shards::Range mine = range & own_;
  transfer_->sum_lanes(
      {{total_ + mine.begin, gradient + mine.begin}, 2, mine.size(), total_ + mine.begin});
  transfer_->record(*buffer.free);
}

}  // namespace thespis::model
