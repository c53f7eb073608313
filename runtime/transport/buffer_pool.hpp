#pragma once
// Memory for received frames. Large buffers are kept for the next frame: fresh ones cost a page
// fault for every 4 KiB, four times the transfer itself at 64 MiB.

#include <capnp/common.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>

namespace thespis::transport {

class BufferPool : public std::enable_shared_from_this<BufferPool> {
 public:
  /// Keeps at most `kept_bytes_max` of returned buffers, those used last.
  explicit BufferPool(uint64_t kept_bytes_max) : kept_bytes_max_(kept_bytes_max) {}

  /// Uninitialised words. The last owner gives them back, on any thread, also after the pool is
  /// gone.
  std::shared_ptr<capnp::word> take(uint64_t word_count);
  uint64_t kept_bytes() const;

 private:
  void give(capnp::word* words, uint64_t bytes);

  struct Free {
    void operator()(capnp::word* words) const;
  };
  struct Buffer {
    std::unique_ptr<capnp::word, Free> words;
    uint64_t bytes = 0;
  };
  const uint64_t kept_bytes_max_;
  mutable std::mutex mutex_;
  uint64_t kept_bytes_ = 0;
  std::deque<Buffer> kept_;  // The longest unused first.
};

}  // namespace thespis::transport
