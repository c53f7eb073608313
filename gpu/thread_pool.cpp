#include "gpu/thread_pool.hpp"

#include <exception>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace thespis::gpu {
namespace {

constexpr int kSpins = 64;  // About two microseconds of pause instructions.

void pause() {
#if defined(__x86_64__)
  _mm_pause();
#endif
}

}  // namespace

struct ThreadPool::Region {
  size_t count;
  const std::function<void(size_t)>* body;
  std::atomic<size_t> next{0};
  std::atomic<size_t> done{0};
  unsigned visitors =
      0;  // Workers that hold a pointer to this region; guarded by the pool's mutex.
  std::condition_variable left;
  std::mutex failure_mutex;
  size_t failed_index = 0;
  std::exception_ptr failure;
};

ThreadPool::ThreadPool(unsigned threads) : thread_count_(threads == 0 ? 1 : threads) {
  workers_.reserve(thread_count_ - 1);
  for (unsigned i = 1; i < thread_count_; ++i) workers_.emplace_back([this] { work(); });
}

ThreadPool::~ThreadPool() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::run_some(Region& region) {
  for (;;) {
    const size_t index = region.next.fetch_add(1, std::memory_order_relaxed);
    if (index >= region.count) return;
    try {
      (*region.body)(index);
    } catch (...) {  // Kept for the client, which rethrows it.
      const std::lock_guard lock(region.failure_mutex);
      if (region.failure == nullptr || index < region.failed_index) {
        region.failure = std::current_exception();
        region.failed_index = index;
      }
    }
    region.done.fetch_add(1, std::memory_order_acq_rel);
  }
}

void ThreadPool::work() {
  uint64_t seen = 0;
  for (;;) {
    for (int i = 0; i < kSpins && submitted_.load(std::memory_order_acquire) == seen; ++i) pause();
    std::unique_lock lock(mutex_);
    Region* region = nullptr;
    wake_.wait(lock, [&] {
      seen = submitted_.load(std::memory_order_relaxed);
      for (Region* r : regions_)
        if (r->next.load(std::memory_order_relaxed) < r->count) region = r;
      return region != nullptr || stopping_;
    });
    if (region == nullptr) return;
    ++region->visitors;
    lock.unlock();
    run_some(*region);
    lock.lock();
    if (--region->visitors == 0) region->left.notify_one();
  }
}

void ThreadPool::parallel_for(size_t count, const std::function<void(size_t)>& body) {
  if (workers_.empty() || count <= 1) {
    for (size_t i = 0; i < count; ++i) body(i);
    return;
  }
  Region region;
  region.count = count;
  region.body = &body;
  {
    const std::lock_guard lock(mutex_);
    regions_.push_back(&region);
    submitted_.fetch_add(1, std::memory_order_release);
  }
  if (count - 1 >= workers_.size()) {
    wake_.notify_all();
  } else {
    for (size_t i = 1; i < count; ++i) wake_.notify_one();
  }
  run_some(region);
  for (int i = 0; i < kSpins && region.done.load(std::memory_order_acquire) < count; ++i) pause();
  std::unique_lock lock(mutex_);
  std::erase(regions_, &region);
  region.left.wait(lock, [&] { return region.visitors == 0; });
  lock.unlock();
  if (region.failure != nullptr) std::rethrow_exception(region.failure);
}

}  // namespace thespis::gpu
