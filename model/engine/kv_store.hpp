#pragma once
// The CPU's keys and values: a pool's pages and their memory.
//   KV-3  A page's floats are finite from the moment it is acquired.

#include <cstdlib>
#include <memory>

#include "model/engine/executor.hpp"
#include "model/engine/page_pool.hpp"

namespace thespis::model {

class KvStore {
 public:
  KvStore(const gpu::AttendShape& shape, uint32_t layer_count, uint32_t page_count);

  PagePool& pages() { return pool_; }
  KvView view() const { return {memory_.get(), layer_stride_}; }
  /// A zeroed page with one holder.
  uint32_t acquire();

 private:
  struct Free {
    void operator()(float* p) const { std::free(p); }
  };
  PagePool pool_;
  size_t page_floats_;
  size_t layer_stride_;
  uint32_t layer_count_;
  std::unique_ptr<float[], Free> memory_;  // Touched only as pages are acquired.
};

}  // namespace thespis::model
