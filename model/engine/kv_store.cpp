#include "model/engine/kv_store.hpp"

#include <cstring>
#include <new>

namespace thespis::model {

KvStore::KvStore(const gpu::AttendShape& shape, uint32_t layer_count, uint32_t page_count)
    : pool_(page_count),
      page_floats_(shape.page_floats()),
      layer_stride_(page_floats_ * page_count),
      layer_count_(layer_count),
      memory_(static_cast<float*>(
          std::aligned_alloc(64, layer_stride_ * layer_count * sizeof(float)))) {
  if (memory_ == nullptr) throw std::bad_alloc();
}

uint32_t KvStore::acquire() {
  const uint32_t page = pool_.acquire();
  for (uint32_t layer = 0; layer < layer_count_; ++layer)
    std::memset(memory_.get() + layer * layer_stride_ + page * page_floats_, 0,
                page_floats_ * sizeof(float));
  return page;
}

}  // namespace thespis::model
