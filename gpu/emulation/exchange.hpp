#pragma once
// What the members of an emulated communicator share: pieces that were sent and not received yet,
// and the other way round. All of it is guarded by the schedule's lock.

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "gpu/attendance.hpp"
#include "gpu/device_communicator.hpp"

namespace thespis::gpu::emulation {

class Meeting;

/// One member's part of an exchange, in its stream.
class Exchange : public std::enable_shared_from_this<Exchange> {
 public:
  Exchange(std::shared_ptr<Meeting> meeting, uint32_t member, std::vector<SentPiece> send,
           std::vector<ReceivedPiece> receive)
      : meeting_(std::move(meeting)),
        member_(member),
        send_(std::move(send)),
        receive_(std::move(receive)) {}
  /// Called when its stream has come so far. True when all its pieces went and came, or the member
  /// has given up.
  bool complete();
  const std::shared_ptr<Meeting>& meeting() const { return meeting_; }

 private:
  friend class Meeting;
  const std::shared_ptr<Meeting> meeting_;
  const uint32_t member_;
  const std::vector<SentPiece> send_;
  const std::vector<ReceivedPiece> receive_;
  bool offered_ = false;
  size_t open_ = 0;  // Pieces that are under way.
};

class Meeting {
 public:
  explicit Meeting(uint32_t size) : attendance(size) {}
  uint32_t size() const { return attendance.size(); }
  Attendance attendance;

  /// What a member that has given up offered.
  void take_back(uint32_t member);

 private:
  friend class Exchange;
  using Pair = std::pair<uint32_t, uint32_t>;  // From, to.
  template <class Piece>
  struct Offer {
    std::shared_ptr<Exchange> of;
    Piece piece;
  };
  void offer(const std::shared_ptr<Exchange>& exchange);
  void match(const Pair& pair);

  std::map<Pair, std::deque<Offer<SentPiece>>> sent_;
  std::map<Pair, std::deque<Offer<ReceivedPiece>>> awaited_;
};

}  // namespace thespis::gpu::emulation
