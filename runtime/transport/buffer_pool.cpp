#include "runtime/transport/buffer_pool.hpp"

#include <bit>
#include <cstdlib>
#include <new>

#include "runtime/base/assert.hpp"

namespace thespis::transport {
namespace {

// Below this malloc is as good as a pool.
constexpr uint64_t kPooledBytesMin = uint64_t{64} << 10;

uint64_t class_bytes(uint32_t size_class) {
  return uint64_t{1} << size_class;
}

}  // namespace

void BufferPool::Free::operator()(capnp::word* words) const {
  std::free(words);
}

std::shared_ptr<capnp::word> BufferPool::take(uint64_t word_count) {
  const uint64_t bytes = word_count * sizeof(capnp::word);
  if (bytes < kPooledBytesMin) {
    auto words = std::make_shared_for_overwrite<uint64_t[]>(word_count);
    auto* first = reinterpret_cast<capnp::word*>(words.get());
    return {std::move(words), first};
  }
  const auto size_class = static_cast<uint32_t>(std::bit_width(bytes - 1));
  THESPIS_ASSERT(size_class < kClasses);
  Buffer buffer;
  {
    const std::lock_guard lock(mutex_);
    if (!kept_[size_class].empty()) {
      buffer = std::move(kept_[size_class].back());
      kept_[size_class].pop_back();
      kept_bytes_ -= class_bytes(size_class);
    }
  }
  if (!buffer) {
    buffer.reset(static_cast<capnp::word*>(std::aligned_alloc(4096, class_bytes(size_class))));
    if (!buffer) throw std::bad_alloc();
  }
  return {buffer.release(), [pool = weak_from_this(), size_class](capnp::word* words) {
            if (auto alive = pool.lock())
              alive->give(words, size_class);
            else
              Free{}(words);
          }};
}

void BufferPool::give(capnp::word* words, uint32_t size_class) {
  Buffer buffer(words);
  const std::lock_guard lock(mutex_);
  if (kept_bytes_ + class_bytes(size_class) > kept_bytes_max_) return;
  kept_bytes_ += class_bytes(size_class);
  kept_[size_class].push_back(std::move(buffer));
}

uint64_t BufferPool::kept_bytes() const {
  const std::lock_guard lock(mutex_);
  return kept_bytes_;
}

}  // namespace thespis::transport
