#include "gpu/emulation/exchange.hpp"

#include <cstring>

#include "runtime/base/assert.hpp"

namespace thespis::gpu::emulation {

bool Exchange::complete() {
  if (meeting_->attendance.has_given_up(member_)) return true;
  if (!offered_) meeting_->offer(shared_from_this());
  return open_ == 0;
}

void Meeting::offer(const std::shared_ptr<Exchange>& exchange) {
  exchange->offered_ = true;
  const uint32_t me = exchange->member_;
  for (uint32_t r = 0; r < size(); ++r) {
    if (r == me) continue;
    if (exchange->send_[r].bytes > 0) {
      ++exchange->open_;
      sent_[{me, r}].push_back({exchange, exchange->send_[r]});
      match({me, r});
    }
    if (exchange->receive_[r].bytes > 0) {
      ++exchange->open_;
      awaited_[{r, me}].push_back({exchange, exchange->receive_[r]});
      match({r, me});
    }
  }
}

void Meeting::match(const Pair& pair) {
  auto& sent = sent_[pair];
  auto& awaited = awaited_[pair];
  if (sent.empty() || awaited.empty()) return;
  const SentPiece& from = sent.front().piece;
  const ReceivedPiece& to = awaited.front().piece;
  THESPIS_ASSERT(from.bytes == to.bytes);
  std::memcpy(to.at, from.at, to.bytes);
  --sent.front().of->open_;
  --awaited.front().of->open_;
  sent.pop_front();
  awaited.pop_front();
}

void Meeting::take_back(uint32_t member) {
  for (uint32_t r = 0; r < size(); ++r) {
    sent_.erase({member, r});
    awaited_.erase({r, member});
  }
}

}  // namespace thespis::gpu::emulation
