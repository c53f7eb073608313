#include "gpu/emulation/communicator.hpp"

#include <cstring>

#include "gpu/emulation/stream.hpp"
#include "runtime/base/error.hpp"
#include "runtime/collective/communicator.hpp"

namespace thespis::gpu::emulation {

CommunicatorId Meetings::make_id() {
  const std::lock_guard guard(mutex_);
  CommunicatorId id{};
  const uint64_t number = made_.size() + 1;
  std::memcpy(id.bytes.data(), &number, sizeof(number));
  made_[id.bytes];
  return id;
}

std::shared_ptr<Meeting> Meetings::find(const CommunicatorId& id, uint32_t size) {
  const std::lock_guard guard(mutex_);
  const auto found = made_.find(id.bytes);
  if (found == made_.end()) throw Error("emulated card: a communicator that nobody made");
  if (found->second == nullptr) found->second = std::make_shared<Meeting>(size);
  if (found->second->size() != size)
    throw Error("emulated card: members that disagree on how many they are");
  return found->second;
}

Communicator::Communicator(std::shared_ptr<Host> host, std::shared_ptr<Meeting> meeting,
                           uint32_t rank, std::chrono::milliseconds deadline)
    : host_(std::move(host)), meeting_(std::move(meeting)), rank_(rank), deadline_(deadline) {
  auto lock = host_->schedule.lock();
  attendance().joins(rank_);
  host_->schedule.changed();
  if (host_->schedule.await(lock, deadline_, [&] { return attendance().all_joined(); })) return;
  lock.unlock();
  give_up("waited too long for the other members to join", attendance().missing(rank_));
}

Communicator::~Communicator() {
  attendance().leaves(rank_);
  take_back();
}

void Communicator::take_back() {
  const auto lock = host_->schedule.lock();
  meeting_->take_back(rank_);
  host_->schedule.changed();
}

void Communicator::require_whole() const {
  if (attendance().has_given_up(rank_))
    throw Error("emulated card: member " + std::to_string(rank_) +
                " has given this communicator up");
}

void Communicator::give_up(const std::string& what, const Attendance::Absence& absence) {
  const std::string why = what + ": " + absence.why;
  attendance().gives_up(rank_, why);
  take_back();
  throw collective::RankLost(absence.member, "emulated card: member " + std::to_string(rank_) +
                                                 " of " + std::to_string(size()) + ": " + why);
}

void Communicator::exchange(DeviceStream& stream, std::span<const SentPiece> send,
                            std::span<const ReceivedPiece> receive, const std::string& what) {
  require_whole();
  if (send.size() != size() || receive.size() != size())
    throw Error("emulated card: an exchange needs a piece for each of " + std::to_string(size()) +
                " members");
  attendance().comes(rank_, what);
  Stream& on = static_cast<Stream&>(stream);
  Uses uses;
  for (uint32_t r = 0; r < size(); ++r) {
    if (r == rank_) continue;
    uses.add(send[r].at, send[r].bytes, false).add(receive[r].at, receive[r].bytes, true);
  }
  const SentPiece& own = send[rank_];
  if (own.bytes > 0 && own.at != receive[rank_].at) on.copy(receive[rank_].at, own.at, own.bytes);
  // In the order of the calls, on whichever streams: as NCCL has it.
  last_ = on.add({.after = last_,
                  .exchange = std::make_shared<Exchange>(
                      meeting_, rank_, std::vector<SentPiece>(send.begin(), send.end()),
                      std::vector<ReceivedPiece>(receive.begin(), receive.end())),
                  .what = "the exchange of " + what,
                  .uses = std::move(uses.list)});
}

void Communicator::wait(DeviceStream& stream, const std::string& what) {
  require_whole();
  const Place end = static_cast<Stream&>(stream).end();
  std::optional<Attendance::Absence> lost;
  const auto is_hopeless = [&] { return (lost = attendance().lost(rank_)).has_value(); };
  if (host_->schedule.run_to(end, deadline_, is_hopeless)) return;
  if (lost) give_up(what, *lost);
  give_up("waited too long for " + what, attendance().missing(rank_));
}

}  // namespace thespis::gpu::emulation
