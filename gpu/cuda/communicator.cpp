#include "gpu/cuda/communicator.hpp"

#include <array>
#include <cstring>
#include <map>
#include <mutex>
#include <thread>

#include "gpu/cuda/kernels.hpp"
#include "runtime/base/error.hpp"
#include "runtime/collective/communicator.hpp"

namespace thespis::gpu::cuda {
namespace {

// Between two looks at work that takes milliseconds.
constexpr std::chrono::microseconds kPause{20};

/// The same for all members that join with `id`.
std::shared_ptr<Attendance> attendance_of(const CommunicatorId& id, uint32_t size) {
  static std::mutex mutex;
  static std::map<std::array<uint8_t, 128>, std::weak_ptr<Attendance>> known;
  const std::lock_guard guard(mutex);
  std::erase_if(known, [](const auto& entry) { return entry.second.expired(); });
  auto attendance = known[id.bytes].lock();
  if (attendance == nullptr) {
    attendance = std::make_shared<Attendance>(size);
    known[id.bytes] = attendance;
  }
  if (attendance->size() != size) throw Error("nccl: members that disagree on how many they are");
  return attendance;
}

}  // namespace

CommunicatorId Communicator::make_id() {
  ncclUniqueId unique;
  if (const ncclResult_t status = nccl().get_unique_id(&unique); status != ncclSuccess)
    throw Error(std::string("nccl: making an id: ") + nccl().error_string(status));
  CommunicatorId id;
  static_assert(sizeof(unique.internal) == sizeof(id.bytes));
  std::memcpy(id.bytes.data(), unique.internal, sizeof(unique.internal));
  return id;
}

Communicator::Communicator(int card, const CommunicatorId& id, uint32_t rank, uint32_t size,
                           std::chrono::milliseconds deadline)
    : card_(card),
      rank_(rank),
      size_(size),
      deadline_(deadline),
      attendance_(attendance_of(id, size)) {
  cuda::check(cudaSetDevice(card_), "choosing the card");
  attendance_->joins(rank_);
  ncclUniqueId unique;
  std::memcpy(unique.internal, id.bytes.data(), sizeof(unique.internal));
  ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
  config.blocking = 0;
  check(nccl().init_rank(&communicator_, static_cast<int>(size), unique, static_cast<int>(rank),
                         &config),
        "joining");
  poll("the other members to join", [] { return true; });
}

Communicator::~Communicator() {
  attendance_->leaves(rank_);
  // Not destroy(): that would wait for members which may be gone.
  if (communicator_ != nullptr) nccl().abort(communicator_);
}

void Communicator::require_whole() const {
  if (communicator_ == nullptr)
    throw Error("nccl: member " + std::to_string(rank_) + " has given this communicator up");
}

void Communicator::abort(const std::string& why) {
  if (communicator_ != nullptr) nccl().abort(communicator_);
  communicator_ = nullptr;
  attendance_->gives_up(rank_, why);
}

std::string Communicator::text(const std::string& why) const {
  return "nccl: member " + std::to_string(rank_) + " of " + std::to_string(size_) + ": " + why;
}

void Communicator::give_up(const std::string& why) {
  abort(why);
  throw Error(text(why));
}

void Communicator::give_up(const std::string& what, const Attendance::Absence& absence) {
  const std::string why = what + ": " + absence.why;
  abort(why);
  throw collective::RankLost(absence.member, text(why));
}

void Communicator::check(ncclResult_t status, const std::string& what) {
  if (status == ncclSuccess || status == ncclInProgress) return;
  const std::string text = nccl().error_string(status);
  give_up(what + ": " + text + ": " + nccl().last_error(communicator_));
}

void Communicator::poll(const std::string& what, const std::function<bool()>& done) {
  const auto until = std::chrono::steady_clock::now() + deadline_;
  for (;;) {
    ncclResult_t state = ncclSuccess;
    check(nccl().async_error(communicator_, &state), "asking for errors");
    check(state, what);
    if (state == ncclSuccess && done()) return;
    if (const auto lost = attendance_->lost(rank_)) give_up(what, *lost);
    if (std::chrono::steady_clock::now() > until)
      give_up("waited too long for " + what, attendance_->missing(rank_));
    std::this_thread::sleep_for(kPause);
  }
}

void Communicator::exchange(DeviceStream& stream, std::span<const SentPiece> send,
                            std::span<const ReceivedPiece> receive, const std::string& what) {
  require_whole();
  const cudaStream_t on = native(stream);
  if (send.size() != size_ || receive.size() != size_)
    throw Error("nccl: an exchange needs a piece for each of " + std::to_string(size_) +
                " members");
  attendance_->comes(rank_, what);
  const SentPiece& own = send[rank_];
  if (own.bytes > 0 && own.at != receive[rank_].at)
    cuda::check(cudaMemcpyAsync(receive[rank_].at, own.at, own.bytes, cudaMemcpyDeviceToDevice, on),
                "a copy");
  check(nccl().group_start(), what);
  for (uint32_t r = 0; r < size_; ++r) {
    if (r == rank_) continue;
    const int peer = static_cast<int>(r);
    if (send[r].bytes > 0)
      check(nccl().send(send[r].at, send[r].bytes, ncclInt8, peer, communicator_, on), what);
    if (receive[r].bytes > 0)
      check(nccl().receive(receive[r].at, receive[r].bytes, ncclInt8, peer, communicator_, on),
            what);
  }
  check(nccl().group_end(), what);
  // The first exchange with a member connects to it, beside this thread.
  poll(what, [] { return true; });
}

void Communicator::wait(DeviceStream& stream, const std::string& what) {
  require_whole();
  const cudaStream_t on = native(stream);
  poll(what, [&] {
    const cudaError_t status = cudaStreamQuery(on);
    if (status != cudaErrorNotReady) cuda::check(status, what.c_str());
    return status == cudaSuccess;
  });
}

}  // namespace thespis::gpu::cuda
