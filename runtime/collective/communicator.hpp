#pragma once
// What ranks of one computation do together: all of them call the same operations in the same
// order, each from one thread. Bytes only; what they are is the callers' business.
//   CM-1  No call waits without a deadline: RankLost names the rank that is missing, who waited,
//         for what and how long.
//   CM-2  After one failure every call on every rank fails with the same text, at once: none hangs.
// `what` names the operation in errors ("gradients of step 17"); ranks that are at different
// operations fail with both names.

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "runtime/base/error.hpp"

namespace thespis::collective {

using Bytes = std::span<std::byte>;
using ConstBytes = std::span<const std::byte>;

/// A rank did not come, or is gone: what was computed together cannot go on without it.
class RankLost : public Error {
 public:
  RankLost(uint32_t rank, const std::string& what) : Error(what), rank_(rank) {}
  uint32_t rank() const { return rank_; }  ///< The first that is missing.

 private:
  uint32_t rank_;
};

/// Bytes [begin, end) of a buffer that all ranks have.
struct ByteRange {
  uint64_t begin = 0;
  uint64_t end = 0;
  uint64_t size() const { return end - begin; }
};

class Communicator {
 public:
  virtual ~Communicator() = default;
  virtual uint32_t rank() const = 0;
  virtual uint32_t size() const = 0;

  /// Gives send[r] to rank r and fills receive[r] with what rank r gives to this one. Both have a
  /// piece for each rank, which may be empty; own pieces are copied. No piece overlaps another.
  /// Error where a piece has another size than its receiver awaits.
  virtual void exchange(std::span<const ConstBytes> send, std::span<const Bytes> receive,
                        const std::string& what) = 0;
  /// This rank gives up: calls of all ranks, waiting and later ones, throw Error with this reason.
  virtual void abort(const std::string& why) = 0;

  /// Returns when every rank is here.
  void barrier(const std::string& what);
  /// Rank r's ranges[r] of `whole` comes to every rank.
  void all_gather(Bytes whole, std::span<const ByteRange> ranges, const std::string& what);
  /// The same, to rank `root` alone.
  void gather(Bytes whole, std::span<const ByteRange> ranges, uint32_t root,
              const std::string& what);
  /// What rank `root` has comes to every rank.
  void broadcast(Bytes bytes, uint32_t root, const std::string& what);
  /// Texts of any length, by rank.
  std::vector<std::string> all_gather_text(const std::string& mine, const std::string& what);
  /// Runs this rank's part of something. Where it throws on any rank, every rank throws: the error
  /// of the lowest that failed, whose own keeps its type; RankLost, on all of them, where that is
  /// all that failed. Nobody is lost by it, the group goes on.
  void all_or_none(const std::function<void()>& work, const std::string& what);
  /// Plain values, by rank.
  template <class T>
  std::vector<T> all_gather_value(const T& mine, const std::string& what);
};

template <class T>
std::vector<T> Communicator::all_gather_value(const T& mine, const std::string& what) {
  static_assert(std::is_trivially_copyable_v<T>);
  std::vector<T> all(size(), mine);
  std::vector<ByteRange> ranges;
  for (uint64_t r = 0; r < size(); ++r) ranges.push_back({r * sizeof(T), (r + 1) * sizeof(T)});
  all_gather(std::as_writable_bytes(std::span(all)), ranges, what);
  return all;
}

/// A group of one: every operation returns at once.
std::shared_ptr<Communicator> alone();

/// What ranks that work together threw, by rank, null for nothing: throws the lowest rank's that is
/// a cause, not that others then missed a rank, unless that is all there is.
void throw_cause(std::span<const std::exception_ptr> failures);

/// "rank 2 of 4 did not reach "X" within 30 s; ranks 0, 1, 3 wait". `missing` is not empty.
RankLost rank_missing(const std::vector<bool>& is_missing, const std::string& what, double seconds);

}  // namespace thespis::collective
