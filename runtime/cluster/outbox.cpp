#include "runtime/cluster/outbox.hpp"

#include <utility>

namespace thespis::cluster {

bool Outbox::push(Item item) {
  const std::lock_guard lock(mutex_);
  if (closed_.load()) return false;
  items_.push_back(std::move(item));
  filled_.store(true, std::memory_order_seq_cst);
  wake_();
  return true;
}

std::vector<Outbox::Item> Outbox::take() {
  const std::lock_guard lock(mutex_);
  filled_.store(false, std::memory_order_seq_cst);
  return std::exchange(items_, {});
}

std::vector<Outbox::Item> Outbox::close() {
  const std::lock_guard lock(mutex_);
  closed_.store(true);
  filled_.store(false);
  return std::exchange(items_, {});
}

}  // namespace thespis::cluster
