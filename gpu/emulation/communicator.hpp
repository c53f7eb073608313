#pragma once
// A member of a communicator of emulated cards; and where they find each other.

#include <map>
#include <string>

#include "gpu/emulation/exchange.hpp"
#include "gpu/emulation/schedule.hpp"

namespace thespis::gpu::emulation {

/// The communicators of a host, by their ids.
class Meetings {
 public:
  CommunicatorId make_id();
  /// The same for each member that joins with `id`. Error where nobody made it.
  std::shared_ptr<Meeting> find(const CommunicatorId& id, uint32_t size);

 private:
  std::mutex mutex_;
  std::map<std::array<uint8_t, 128>, std::shared_ptr<Meeting>> made_;  // Null: nobody joined yet.
};

struct Host;  // stream.hpp

class Communicator final : public DeviceCommunicator {
 public:
  Communicator(std::shared_ptr<Host> host, std::shared_ptr<Meeting> meeting, uint32_t rank,
               std::chrono::milliseconds deadline);
  ~Communicator() override;

  uint32_t rank() const override { return rank_; }
  uint32_t size() const override { return meeting_->size(); }
  void exchange(DeviceStream& stream, std::span<const SentPiece> send,
                std::span<const ReceivedPiece> receive, const std::string& what) override;
  void wait(DeviceStream& stream, const std::string& what) override;

 private:
  Attendance& attendance() const { return meeting_->attendance; }
  void require_whole() const;
  void take_back();
  /// RankLost.
  [[noreturn]] void give_up(const std::string& what, const Attendance::Absence& absence);

  const std::shared_ptr<Host> host_;
  const std::shared_ptr<Meeting> meeting_;
  const uint32_t rank_;
  const std::chrono::milliseconds deadline_;
  Place last_ = {};  // After the latest exchange.
};

}  // namespace thespis::gpu::emulation
