#include "runtime/transport/buffer_pool.hpp"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <new>
#include <utility>

namespace thespis::transport {
namespace {

// Below this malloc is as good as a pool.
constexpr uint64_t kPooledBytesMin = uint64_t{64} << 10;

// Four sizes an octave: frames of similar size share buffers, and at most a fifth is wasted.
uint64_t buffer_bytes(uint64_t bytes) {
  const uint64_t step = std::bit_floor(bytes) / 4;
  return (bytes + step - 1) / step * step;
}

}  // namespace

void BufferPool::Free::operator()(capnp::word* words) const {
  std::free(words);
}

std::shared_ptr<capnp::word> BufferPool::take(uint64_t word_count) {
  if (word_count * sizeof(capnp::word) < kPooledBytesMin) {
    auto words = std::make_shared_for_overwrite<uint64_t[]>(word_count);
    auto* first = reinterpret_cast<capnp::word*>(words.get());
    return {std::move(words), first};
  }
  const uint64_t bytes = buffer_bytes(word_count * sizeof(capnp::word));
  std::unique_ptr<capnp::word, Free> words;
  {
    const std::lock_guard lock(mutex_);
    // The one returned last is the likeliest to be in a cache.
    const auto found = std::find_if(kept_.rbegin(), kept_.rend(),
                                    [&](const Buffer& kept) { return kept.bytes == bytes; });
    if (found != kept_.rend()) {
      words = std::move(found->words);
      kept_bytes_ -= bytes;
      kept_.erase(std::next(found).base());
    }
  }
  if (!words) {
    words.reset(static_cast<capnp::word*>(std::aligned_alloc(4096, bytes)));
    if (!words) throw std::bad_alloc();
  }
  return {words.release(), [pool = weak_from_this(), bytes](capnp::word* returned) {
            if (auto alive = pool.lock())
              alive->give(returned, bytes);
            else
              Free{}(returned);
          }};
}

void BufferPool::give(capnp::word* words, uint64_t bytes) {
  std::unique_ptr<capnp::word, Free> owner(words);
  std::deque<Buffer> dropped;  // Freed without the lock.
  const std::lock_guard lock(mutex_);
  kept_bytes_ += bytes;
  kept_.push_back({std::move(owner), bytes});
  while (kept_bytes_ > kept_bytes_max_) {
    kept_bytes_ -= kept_.front().bytes;
    dropped.push_back(std::move(kept_.front()));
    kept_.pop_front();
  }
}

uint64_t BufferPool::kept_bytes() const {
  const std::lock_guard lock(mutex_);
  return kept_bytes_;
}

}  // namespace thespis::transport
