#pragma once
// Drawn tokens, their log-probs and what the cuts kept on the way to the host, through pinned
// memory that is used again and again.

#include <memory>
#include <span>
#include <vector>

#include "gpu/device.hpp"

namespace thespis::model {

class DeviceDownloads {
 public:
  DeviceDownloads(std::shared_ptr<gpu::Device> device, uint32_t rows_max)
      : device_(std::move(device)), rows_max_(rows_max) {}
  ~DeviceDownloads();
  DeviceDownloads(const DeviceDownloads&) = delete;
  DeviceDownloads& operator=(const DeviceDownloads&) = delete;

  struct Download {
    size_t block;
    uint32_t rows;
    std::unique_ptr<gpu::DeviceEvent> done;
  };
  /// Enqueues it after the work that draws them: `drawn` is rows_max tokens, as many log-probs and
  /// as many log_kept, for one copy costs less than three.
  Download begin(gpu::DeviceStream& stream, const int32_t* drawn, uint32_t rows);
  /// Waits for it; calls take(row, token, logprob, log_kept) for each row.
  template <class Take>
  void end(const Download& download, const Take& take) {
    download.done->wait_on_host();
    idle_.push_back(download.block);
    const int32_t* tokens = tokens_of(download.block);
    const float* logprobs = logprobs_of(download.block);
    const float* log_kept = log_kept_of(download.block);
    for (uint32_t r = 0; r < download.rows; ++r) take(r, tokens[r], logprobs[r], log_kept[r]);
  }

 private:
  int32_t* tokens_of(size_t block) const { return static_cast<int32_t*>(blocks_[block]); }
  float* logprobs_of(size_t block) const {
    return reinterpret_cast<float*>(tokens_of(block) + rows_max_);
  }
  float* log_kept_of(size_t block) const { return logprobs_of(block) + rows_max_; }

  const std::shared_ptr<gpu::Device> device_;
  const uint32_t rows_max_;
  std::vector<void*> blocks_;
  std::vector<size_t> idle_;
};

}  // namespace thespis::model
