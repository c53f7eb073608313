#pragma once
// Cards that exchange memory with each other, one member a card (NCCL, loaded when first used), the
// members threads of one process.
//   DX-1  All members make the same calls in the same order. A call enqueues work on its stream and
//         returns; wait() ends when it is done.
//   DX-2  Nothing waits beyond the deadline that the member joined with, nor for a member that has
//         left or given up: collective::RankLost names it, or who is missing. A member that failed
//         or came too late leaves the communicator unusable: every later call of every member
//         throws Error.
//         `what` is for its text: "the gradients of step 7".

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace thespis::gpu {

class DeviceStream;

/// What the members of one communicator have in common: one of them makes it, the others are told.
struct CommunicatorId {
  std::array<uint8_t, 128> bytes;
};

/// Memory of a card; `bytes` may be 0.
struct SentPiece {
  const void* at;
  size_t bytes;
};
struct ReceivedPiece {
  void* at;
  size_t bytes;
};

class DeviceCommunicator {
 public:
  virtual ~DeviceCommunicator() = default;
  virtual uint32_t rank() const = 0;
  virtual uint32_t size() const = 0;
  /// send[r] goes to member r, receive[r] comes from member r, as many bytes as that member sends
  /// here. The own piece is copied, or left where both are at the same place. No piece that is
  /// received overlaps another piece.
  virtual void exchange(DeviceStream& stream, std::span<const SentPiece> send,
                        std::span<const ReceivedPiece> receive, const std::string& what) = 0;
  /// Waits for all that was enqueued on `stream`. RankLost where a member is gone or the deadline
  /// passed, Error where the work failed; what is under way is then given up.
  virtual void wait(DeviceStream& stream, const std::string& what) = 0;
};

}  // namespace thespis::gpu
