#include "runtime/env/compute.hpp"

#include <pthread.h>

#include <utility>

namespace thespis::env {

ComputeThread::ComputeThread(const std::string& name) : thread_([this] { run(); }) {
  constexpr size_t kNameMax = 15;  // What Linux keeps of a thread's name.
  pthread_setname_np(thread_.native_handle(), name.substr(0, kNameMax).c_str());
}

ComputeThread::~ComputeThread() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void ComputeThread::post(std::function<void()> work, std::function<void()> done) {
  {
    const std::lock_guard lock(mutex_);
    jobs_.push_back({std::move(work), std::move(done)});
  }
  wake_.notify_one();
}

void ComputeThread::run() {
  for (;;) {
    Job job;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
      if (jobs_.empty()) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    job.work();
    job.done();
  }
}

}  // namespace thespis::env
