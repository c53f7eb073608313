#include "runtime/transport/frame_channel.hpp"

#include <utility>

namespace thespis::transport {

std::string FrameOrder::arrived(ReceivedFrame received, std::vector<ReceivedFrame>& into) {
  const uint64_t number = received.header.number;
  if (number != count_ + 1) {
    if (knows(number)) return "it sent frame " + std::to_string(number) + " twice";
    if (early_.size() >= early_frames_max_)
      return "it sent too many frames ahead of frame " + std::to_string(count_ + 1);
    early_.emplace(number, std::move(received));
    return {};
  }
  ++count_;
  into.push_back(std::move(received));
  for (auto next = early_.begin(); next != early_.end() && next->first == count_ + 1;
       next = early_.erase(next)) {
    ++count_;
    into.push_back(std::move(next->second));
  }
  return {};
}

}  // namespace thespis::transport
