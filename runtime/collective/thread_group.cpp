#include "runtime/collective/thread_group.hpp"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <optional>

#include "runtime/base/assert.hpp"

namespace thespis::collective {
namespace {

/// What one rank brings to an operation.
struct Call {
  std::span<const ConstBytes> send;
  const std::string* what;
};

/// Why the group ended.
struct Failure {
  std::optional<uint32_t> lost;
  std::string text;
};

}  // namespace

/// An operation has two phases: all ranks arrive, then each copies what it receives. Memory of a
/// rank is read in the second only, and no rank leaves that before all have copied.
class ThreadGroup::Shared {
 public:
  Shared(uint32_t ranks, ThreadGroupOptions options)
      : deadline_(options.deadline),
        clock_(options.clock != nullptr ? *options.clock : real_clock_),
        calls_(ranks) {
    THESPIS_ASSERT(ranks > 0);
  }
  uint32_t size() const { return static_cast<uint32_t>(calls_.size()); }

  void exchange(uint32_t rank, std::span<const ConstBytes> send, std::span<const Bytes> receive,
                const std::string& what) {
    THESPIS_ASSERT(send.size() == size() && receive.size() == size());
    arrive(rank, {send, &what});
    const std::string wrong = copy(rank, receive);
    leave(wrong);
  }

  void fail(Failure failure) {
    const std::lock_guard lock(mutex_);
    if (!failure_) failure_ = std::move(failure);
    changed_.notify_all();
  }

  void look_at_clock() {
    const std::lock_guard lock(mutex_);
    changed_.notify_all();
  }

  uint32_t waiting() const {
    const std::lock_guard lock(mutex_);
    return copying_ ? 0 : arrived_;
  }

 private:
  void arrive(uint32_t rank, const Call& call) {
    std::unique_lock lock(mutex_);
    throw_failure();
    THESPIS_ASSERT(!calls_[rank]);  // One thread a rank.
    calls_[rank] = call;
    if (++arrived_ == size()) {
      copying_ = true;
      ++phase_;
      changed_.notify_all();
      return;
    }
    const uint64_t phase = phase_;
    const auto began = clock_.now();
    while (phase_ == phase && !failure_) {
      const auto waited = clock_.now() - began;
      if (waited >= deadline_) {
        std::vector<bool> missing;
        for (const auto& other : calls_) missing.push_back(!other);
        const RankLost lost = rank_missing(missing, *call.what, env::seconds(deadline_));
        failure_ = Failure{lost.rank(), lost.what()};
        changed_.notify_all();
        break;
      }
      changed_.wait_for(lock, deadline_ - waited);
    }
    // A group whose ranks have all arrived finishes the operation, whatever failed since.
    if (phase_ == phase) throw_failure();
  }

  /// What does not fit, if anything.
  std::string copy(uint32_t rank, std::span<const Bytes> receive) const {
    const std::string& what = *calls_[rank]->what;
    for (uint32_t r = 0; r < size(); ++r) {
      const Call& from = *calls_[r];
      const ConstBytes piece = from.send[rank];
      if (*from.what != what)
        return "rank " + std::to_string(r) + " is at \"" + *from.what + "\" where rank " +
               std::to_string(rank) + " is at \"" + what + "\"";
      if (piece.size() != receive[r].size())
        return "\"" + what + "\": rank " + std::to_string(r) + " gives " +
               std::to_string(piece.size()) + " bytes where rank " + std::to_string(rank) +
               " awaits " + std::to_string(receive[r].size());
      std::copy(piece.begin(), piece.end(), receive[r].begin());
    }
    return {};
  }

  void leave(const std::string& wrong) {
    std::unique_lock lock(mutex_);
    if (!wrong.empty() && !failure_) failure_ = Failure{std::nullopt, wrong};
    if (--arrived_ == 0) {
      std::fill(calls_.begin(), calls_.end(), std::nullopt);
      copying_ = false;
      ++phase_;
      changed_.notify_all();
    } else {
      // Without a deadline: the others only copy, and must not copy from memory that is gone.
      const uint64_t phase = phase_;
      changed_.wait(lock, [&] { return phase_ != phase; });
    }
    throw_failure();
  }

  void throw_failure() const {
    if (!failure_) return;
    if (failure_->lost) throw RankLost(*failure_->lost, failure_->text);
    throw Error(failure_->text);
  }

  const env::RealClock real_clock_;
  const std::chrono::nanoseconds deadline_;
  const env::Clock& clock_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::optional<Call>> calls_;  // Of the ranks that have arrived.
  uint32_t arrived_ = 0;
  bool copying_ = false;
  uint64_t phase_ = 0;
  std::optional<Failure> failure_;
};

class ThreadGroup::Member final : public Communicator {
 public:
  Member(std::shared_ptr<Shared> shared, uint32_t rank) : shared_(std::move(shared)), rank_(rank) {}
  uint32_t rank() const override { return rank_; }
  uint32_t size() const override { return shared_->size(); }
  void exchange(std::span<const ConstBytes> send, std::span<const Bytes> receive,
                const std::string& what) override {
    shared_->exchange(rank_, send, receive, what);
  }
  void abort(const std::string& why) override {
    shared_->fail({std::nullopt, "rank " + std::to_string(rank_) + " of " + std::to_string(size()) +
                                     " gave up: " + why});
  }

 private:
  const std::shared_ptr<Shared> shared_;
  const uint32_t rank_;
};

ThreadGroup::ThreadGroup(uint32_t ranks, ThreadGroupOptions options)
    : shared_(std::make_shared<Shared>(ranks, options)) {}

std::shared_ptr<Communicator> ThreadGroup::rank(uint32_t r) const {
  THESPIS_ASSERT(r < shared_->size());
  return std::make_shared<Member>(shared_, r);
}

void ThreadGroup::look_at_clock() {
  shared_->look_at_clock();
}

uint32_t ThreadGroup::waiting() const {
  return shared_->waiting();
}

}  // namespace thespis::collective
