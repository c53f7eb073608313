#pragma once
// Frames between two nodes as the cluster sees them: what goes out, what arrives, in which order.
// UCX carries them (ucx_channel.hpp); the simulator carries them through virtual time.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "runtime/wire/message.hpp"

namespace thespis::transport {

/// What a frame is to the cluster (runtime/cluster/session.cpp).
enum class FrameKind : uint64_t { kMessage = 1, kError = 2, kNothing = 3, kExit = 4, kDown = 5 };

/// Goes before each frame, little-endian as the hosts are.
struct FrameHeader {
  uint64_t token = 0;
  uint64_t number = 0;  ///< 1, 2, ... in each direction; set by send().
  FrameKind kind = FrameKind::kMessage;
  uint64_t type_id = 0;
  uint64_t to = 0;       ///< Actor at the receiver.
  uint64_t from = 0;     ///< Actor at the sender, 0: none.
  uint64_t message = 0;  ///< caf::message_id, with a call number of the session for requests.
};
static_assert(sizeof(FrameHeader) == 56);

struct ReceivedFrame {
  FrameHeader header;
  wire::Frame frame;  ///< Empty for kNothing, or an error that says nothing.
};

class FrameChannel {
 public:
  virtual ~FrameChannel() = default;
  virtual void send(FrameHeader header, wire::Frame frame) = 0;

  /// How much of a session's queue a frame takes, its header included.
  static uint64_t cost_bytes(const wire::Frame& frame) {
    return frame.size_bytes() + sizeof(FrameHeader);
  }
};

/// Hands frames over in the order of their numbers, whatever the order in which they come.
class FrameOrder {
 public:
  explicit FrameOrder(uint64_t early_frames_max) : early_frames_max_(early_frames_max) {}

  /// Appends to `into` what is next in order now. Not empty: what no honest peer does.
  std::string arrived(ReceivedFrame received, std::vector<ReceivedFrame>& into);
  /// Whether such a frame has come before.
  bool knows(uint64_t number) const { return number <= count_ || early_.contains(number); }
  uint64_t count() const { return count_; }  ///< Frames handed over.

 private:
  const uint64_t early_frames_max_;
  std::map<uint64_t, ReceivedFrame> early_;  // Numbers whose turn has not come.
  uint64_t count_ = 0;
};

}  // namespace thespis::transport
