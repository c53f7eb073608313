#pragma once
// Weights between the host's floats and the halves that a device has (gpu/split_float.hpp).

#include <memory>
#include <span>

#include "gpu/device.hpp"

namespace thespis::model {

/// Device memory that both take while they work.
constexpr size_t kStagedFloats = size_t{16} << 20;

/// To the device, each half where it is asked for; returns when it is there.
void upload_split(const std::shared_ptr<gpu::Device>& device, gpu::DeviceStream& stream,
                  std::span<const float> from, gpu::Bf16* high, uint16_t* low);
void download_joined(const std::shared_ptr<gpu::Device>& device, gpu::DeviceStream& stream,
                     const gpu::Bf16* high, const uint16_t* low, std::span<float> to);

}  // namespace thespis::model
