#pragma once
// A member of an NCCL communicator on one card.

#include <cuda_runtime_api.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "gpu/attendance.hpp"
#include "gpu/cuda/nccl.hpp"
#include "gpu/device_communicator.hpp"

namespace thespis::gpu::cuda {

class Communicator final : public DeviceCommunicator {
 public:
  static CommunicatorId make_id();
  /// Returns when all members are there. Error after `deadline`.
  Communicator(int card, const CommunicatorId& id, uint32_t rank, uint32_t size,
               std::chrono::milliseconds deadline);
  ~Communicator() override;

  uint32_t rank() const override { return rank_; }
  uint32_t size() const override { return size_; }
  void exchange(DeviceStream& stream, std::span<const SentPiece> send,
                std::span<const ReceivedPiece> receive, const std::string& what) override;
  void wait(DeviceStream& stream, const std::string& what) override;

 private:
  void require_whole() const;
  void check(ncclResult_t status, const std::string& what);
  /// Calls `done` again and again; gives the communicator up where NCCL fails or time is out.
  void poll(const std::string& what, const std::function<bool()>& done);
  [[noreturn]] void give_up(const std::string& why);
  /// RankLost.
  [[noreturn]] void give_up(const std::string& what, const Attendance::Absence& absence);
  void abort(const std::string& why);
  std::string text(const std::string& why) const;

  const int card_;
  const uint32_t rank_, size_;
  const std::chrono::milliseconds deadline_;
  const std::shared_ptr<Attendance> attendance_;
  ncclComm_t communicator_ = nullptr;  // Null after it was given up.
};

}  // namespace thespis::gpu::cuda
