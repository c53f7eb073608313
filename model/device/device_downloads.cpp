#include "model/device/device_downloads.hpp"

namespace thespis::model {

DeviceDownloads::~DeviceDownloads() {
  for (void* block : blocks_) device_->release_host(block);
}

DeviceDownloads::Download DeviceDownloads::begin(gpu::DeviceStream& stream, const int32_t* drawn,
                                                 uint32_t rows) {
  if (idle_.empty()) {
    idle_.push_back(blocks_.size());
    blocks_.push_back(device_->allocate_host(rows_max_ * (sizeof(int32_t) + 2 * sizeof(float)),
                                             "tokens on their way to the host"));
  }
  Download download{idle_.back(), rows, stream.make_event()};
  idle_.pop_back();
  static_assert(sizeof(int32_t) == sizeof(float));
  stream.download(tokens_of(download.block), drawn, (2 * rows_max_ + rows) * sizeof(int32_t));
  stream.record(*download.done);
  return download;
}

}  // namespace thespis::model
