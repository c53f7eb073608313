#include "model/device/split_weights.hpp"

#include <algorithm>

#include "model/device/device_array.hpp"

namespace thespis::model {
namespace {

template <class Move>
void in_pieces(const std::shared_ptr<gpu::Device>& device, gpu::DeviceStream& stream, size_t size,
               const Move& move) {
  DeviceArray<float> staging(device, std::min(kStagedFloats, size),
                             "weights on their way between host and device");
  for (size_t at = 0; at < size; at += staging.size())
    move(staging.data(), at, std::min(staging.size(), size - at));
  stream.synchronize();
}

}  // namespace

void upload_split(const std::shared_ptr<gpu::Device>& device, gpu::DeviceStream& stream,
                  std::span<const float> from, gpu::Bf16* high, uint16_t* low) {
  in_pieces(device, stream, from.size(), [&](float* staging, size_t at, size_t count) {
    stream.upload(staging, from.data() + at, count * sizeof(float));
    stream.split_floats(staging, count, high == nullptr ? nullptr : high + at,
                        low == nullptr ? nullptr : low + at);
  });
}

void download_joined(const std::shared_ptr<gpu::Device>& device, gpu::DeviceStream& stream,
                     const gpu::Bf16* high, const uint16_t* low, std::span<float> to) {
  in_pieces(device, stream, to.size(), [&](float* staging, size_t at, size_t count) {
    stream.join_floats(high + at, low + at, count, staging);
    stream.download(to.data() + at, staging, count * sizeof(float));
  });
}

}  // namespace thespis::model
