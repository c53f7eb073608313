#pragma once
// Memory of a device, given back at the end.

#include <memory>
#include <string>
#include <utility>

#include "gpu/device.hpp"

namespace thespis::model {

template <class T>
class DeviceArray {
 public:
  DeviceArray() = default;
  /// Error names `what` where the device has not enough. Not cleared.
  DeviceArray(std::shared_ptr<gpu::Device> device, size_t size, const std::string& what)
      : device_(std::move(device)),
        size_(size),
        at_(static_cast<T*>(device_->allocate(size * sizeof(T), what))) {}
  ~DeviceArray() {
    if (at_ != nullptr) device_->release(at_);
  }
  DeviceArray(DeviceArray&& other) noexcept { *this = std::move(other); }
  DeviceArray& operator=(DeviceArray&& other) noexcept {
    std::swap(device_, other.device_);
    std::swap(size_, other.size_);
    std::swap(at_, other.at_);
    return *this;
  }

  T* data() const { return at_; }
  size_t size() const { return size_; }
  size_t bytes() const { return size_ * sizeof(T); }

  /// Makes room for `size` elements; what was there is lost where it grows.
  void reserve(const std::shared_ptr<gpu::Device>& device, size_t size, const std::string& what) {
    if (size <= size_) return;
    *this = DeviceArray();  // First, so that both need not fit.
    *this = DeviceArray(device, size, what);
  }

 private:
  std::shared_ptr<gpu::Device> device_;
  size_t size_ = 0;
  T* at_ = nullptr;
};

}  // namespace thespis::model
