#include "model/device/device_layers.hpp"

#include <algorithm>
#include <utility>

#include "runtime/base/assert.hpp"

namespace thespis::model {

DeviceLayers::DeviceLayers(std::shared_ptr<DeviceModel> model, const DeviceGroup& group,
                           const DeviceOptimizer& optimizer, gpu::DeviceStream& compute)
    : model_(std::move(model)),
      group_(group),
      optimizer_(optimizer),
      shards_(optimizer.shards()),
      own_(shards_.of_rank(group.rank())),
      units_(model_->plan(), WeightLayout::of(model_->plan().config())),
      compute_(compute),
      transfer_(model_->device()->make_stream()),
      reduction_(model_->device(), group_, shards_) {}

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
  const auto last = static_cast<uint32_t>(model_->plan().segments().size() - 1);
  for (uint32_t s = 0; s < last; ++s) {
    enter(s, Way::kForward);
    leave(s, Way::kForward);
  }
  for (uint32_t s = last + 1; s-- > 0;) {
    enter(s, Way::kBackward);
    leave(s, Way::kBackward);
  }
}

void DeviceLayers::wait_for(gpu::DeviceStream& waiter, gpu::DeviceStream& of) {
  const auto reached = of.make_event();
  of.record(*reached);
  waiter.wait(*reached);
}

template <class T>
DeviceLayers::Buffer<T> DeviceLayers::take(std::vector<Buffer<T>>& idle, uint64_t size,
                                           gpu::DeviceStream& by, const char* what) {
  auto best = idle.end();
  for (auto it = idle.begin(); it != idle.end(); ++it)
    if (it->array.size() >= size && (best == idle.end() || it->array.size() < best->array.size()))
      best = it;
  if (best == idle.end()) return {{model_->device(), size, what}, nullptr};
  Buffer<T> buffer = std::move(*best);
  idle.erase(best);
  by.wait(*buffer.free);
  return buffer;
}

template <class T>
void DeviceLayers::give_back(std::vector<Buffer<T>>& idle, Buffer<T> buffer,
                             gpu::DeviceStream& last_user) {
  if (buffer.free == nullptr) buffer.free = last_user.make_event();
  last_user.record(*buffer.free);
  idle.push_back(std::move(buffer));
}

const gpu::Bf16* DeviceLayers::weight(uint64_t offset) const {
  for (const auto& [unit, held] : held_) {
    const Shards::Range& range = units_.units()[unit].range;
    if (range.begin <= offset && offset < range.end)
      return held.buffer.array.data() + (offset - range.begin);
  }
  THESPIS_ASSERT(false);
  return nullptr;
}

float* DeviceLayers::gradient(uint64_t offset) const {
  for (const auto& [unit, buffer] : gradients_) {
    const Shards::Range& range = units_.units()[unit].range;
    if (range.begin <= offset && offset < range.end)
      return buffer.array.data() + (offset - range.begin);
  }
  THESPIS_ASSERT(false);
  return nullptr;
}

void DeviceLayers::fetch(uint32_t unit) {
  if (held_.contains(unit)) return;
  const Shards::Range& range = units_.units()[unit].range;
  Held held{take(idle_weights_, range.size(), *transfer_, "a layer's weights"),
            transfer_->make_event()};
  gather_weights(*transfer_, group_, shards_, range, optimizer_.shared_weights(),
                 held.buffer.array.data() - range.begin, "weights for " + step_);
  transfer_->record(*held.ready);
  held_.emplace(unit, std::move(held));
}

void DeviceLayers::fetch_of(uint32_t segment) {
  for (const uint32_t unit : units_.of_segment(segment)) fetch(unit);
}

void DeviceLayers::enter(uint32_t segment, Way way) {
  fetch_of(segment);
  for (const uint32_t unit : units_.of_segment(segment)) {
    compute_.wait(*held_.at(unit).ready);
    if (way == Way::kForward || gradients_.contains(unit)) continue;
    const uint64_t size = units_.units()[unit].range.size();
    auto buffer = take(idle_gradients_, size, compute_, "a layer's gradients");
    compute_.zero(buffer.array.data(), size * sizeof(float));
    gradients_.emplace(unit, std::move(buffer));
  }
  // The next segment that has weights: its own come while this one is computed.
  const auto count = static_cast<uint32_t>(model_->plan().segments().size());
  for (uint32_t next = segment;;) {
    if (way == Way::kForward ? ++next == count : next-- == 0) return;
    if (!units_.of_segment(next).empty()) return fetch_of(next);
  }
}

void DeviceLayers::leave(uint32_t segment, Way way) {
  for (const uint32_t unit : units_.of_segment(segment)) {
    // Also where a later segment wants it again (a tied embedding): memory is for one segment's
    // weights and the next one's.
    auto it = held_.find(unit);
    give_back(idle_weights_, std::move(it->second.buffer), compute_);
    held_.erase(it);
    if (way == Way::kBackward && units_.units()[unit].first_segment == segment) reduce(unit);
  }
}

void DeviceLayers::reduce(uint32_t unit) {
  const Shards::Range& range = units_.units()[unit].range;
  const auto it = gradients_.find(unit);
  wait_for(*transfer_, compute_);
  float* const gradient = it->second.array.data() - range.begin;
  reduction_.sum(*transfer_, gradient, range, "gradients of " + step_);
  const Shards::Range mine = range & own_;
  transfer_->sum_lanes(
      {{total_ + mine.begin, gradient + mine.begin}, 2, mine.size(), total_ + mine.begin});
  give_back(idle_gradients_, std::move(it->second), *transfer_);
  gradients_.erase(it);
}

}  // namespace thespis::model
