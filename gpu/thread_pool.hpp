#pragma once
// Worker threads shared by several client threads (sampler, learner): each client submits a region
// of independent indices and takes part in its own region.
//   TP-1  body(i) runs exactly once for each i; what it computes may depend on i, never on the
//         thread.
//   TP-2  Idle workers sleep; they spin for about two microseconds at most before they do.
//   TP-3  A client never waits for a worker that has not begun one of its indices: it does them
//         itself.

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace thespis::gpu {

class ThreadPool {
 public:
  /// `threads` counts the calling thread: 1 (or 0) starts no worker and runs everything inline.
  explicit ThreadPool(unsigned threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  /// Runs body(0) ... body(count - 1) and returns when all are done. Safe to call from several
  /// threads at once and from within a body. If bodies throw, the exception of the lowest index is
  /// rethrown after all have ended.
  void parallel_for(size_t count, const std::function<void(size_t)>& body);
  unsigned thread_count() const { return thread_count_; }

 private:
  struct Region;
  void work();
  void run_some(Region& region);

  unsigned thread_count_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Region*> regions_;  // Open regions; at most one for each client call in progress.
  std::atomic<uint64_t> submitted_{0};
  bool stopping_ = false;
  std::vector<std::thread> workers_;
};

}  // namespace thespis::gpu
