#include "runtime/collective/communicator.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "runtime/base/assert.hpp"
#include "runtime/collective/thread_group.hpp"

namespace thespis::collective {
namespace {

/// "ranks 0, 1, 3", "rank 2", "nobody".
std::string names(const std::vector<bool>& named, bool value) {
  std::string text;
  size_t count = 0;
  for (size_t r = 0; r < named.size(); ++r) {
    if (named[r] != value) continue;
    text += (count++ == 0 ? "" : ", ") + std::to_string(r);
  }
  return count == 0 ? "nobody" : (count == 1 ? "rank " : "ranks ") + text;
}

}  // namespace

RankLost rank_missing(const std::vector<bool>& is_missing, const std::string& what,
                      double seconds) {
  const auto first = std::find(is_missing.begin(), is_missing.end(), true);
  const auto missing = std::count(is_missing.begin(), is_missing.end(), true);
  const auto waiting = static_cast<long>(is_missing.size()) - missing;
  return {static_cast<uint32_t>(first - is_missing.begin()),
          fmt::format("{} of {} did not reach \"{}\" within {:g} s; {} {}", names(is_missing, true),
                      is_missing.size(), what, seconds, names(is_missing, false),
                      waiting > 1 ? "wait" : "waits")};
}

void throw_cause(std::span<const std::exception_ptr> failures) {
  std::exception_ptr lost;
  for (const std::exception_ptr& failure : failures) {
    if (failure == nullptr) continue;
    try {
      std::rethrow_exception(failure);
    } catch (const RankLost&) {
      if (lost == nullptr) lost = failure;  // Unless another rank says why.
    }
  }
  if (lost != nullptr) std::rethrow_exception(lost);
}

void Communicator::barrier(const std::string& what) {
  exchange(std::vector<ConstBytes>(size()), std::vector<Bytes>(size()), what);
}

void Communicator::all_gather(Bytes whole, std::span<const ByteRange> ranges,
                              const std::string& what) {
  THESPIS_ASSERT(ranges.size() == size());
  std::vector<ConstBytes> send(size());
  std::vector<Bytes> receive(size());
  for (uint32_t r = 0; r < size(); ++r) {
    if (r == rank()) continue;  // Its own part is there already.
    send[r] = whole.subspan(ranges[rank()].begin, ranges[rank()].size());
    receive[r] = whole.subspan(ranges[r].begin, ranges[r].size());
  }
  exchange(send, receive, what);
}

void Communicator::gather(Bytes whole, std::span<const ByteRange> ranges, uint32_t root,
                          const std::string& what) {
  THESPIS_ASSERT(ranges.size() == size() && root < size());
  std::vector<ConstBytes> send(size());
  std::vector<Bytes> receive(size());
  for (uint32_t r = 0; r < size() && rank() == root; ++r)
    if (r != root) receive[r] = whole.subspan(ranges[r].begin, ranges[r].size());
  if (rank() != root) send[root] = whole.subspan(ranges[rank()].begin, ranges[rank()].size());
  exchange(send, receive, what);
}

void Communicator::broadcast(Bytes bytes, uint32_t root, const std::string& what) {
  THESPIS_ASSERT(root < size());
  std::vector<ConstBytes> send(size());
  std::vector<Bytes> receive(size());
  for (uint32_t r = 0; r < size() && rank() == root; ++r)
    if (r != root) send[r] = bytes;
  if (rank() != root) receive[root] = bytes;
  exchange(send, receive, what);
}

std::vector<std::string> Communicator::all_gather_text(const std::string& mine,
                                                       const std::string& what) {
  const auto sizes = all_gather_value<uint64_t>(mine.size(), what);
  uint64_t total = 0;
  std::vector<ByteRange> ranges;
  for (const uint64_t size : sizes) {
    ranges.push_back({total, total + size});
    total += size;
  }
  if (total == 0) return std::vector<std::string>(size());
  std::string all(total, '\0');
  std::copy(mine.begin(), mine.end(), all.begin() + static_cast<long>(ranges[rank()].begin));
  all_gather(std::as_writable_bytes(std::span(all)), ranges, what);
  std::vector<std::string> texts;
  for (const ByteRange& range : ranges) texts.push_back(all.substr(range.begin, range.size()));
  return texts;
}

void Communicator::all_or_none(const std::function<void()>& work, const std::string& what) {
  constexpr uint32_t kNobody = UINT32_MAX;
  std::exception_ptr failure;
  std::string text;
  uint32_t lost = kNobody;
  try {
    work();
  } catch (const std::exception& error) {
    failure = std::current_exception();
    text = error.what();
    if (text.empty()) text = "unknown";
    if (const auto* rank_lost = dynamic_cast<const RankLost*>(&error)) lost = rank_lost->rank();
  }
  const auto texts = all_gather_text(text, what);
  const auto fails = [](const std::string& t) { return !t.empty(); };
  if (std::none_of(texts.begin(), texts.end(), fails)) return;
  const auto all_lost = all_gather_value(lost, what);
  std::vector<std::exception_ptr> failures(size());
  for (uint32_t r = 0; r < size(); ++r) {
    if (texts[r].empty()) continue;
    failures[r] = r == rank() ? failure
                  : all_lost[r] != kNobody
                      ? std::make_exception_ptr(RankLost(all_lost[r], texts[r]))
                      : std::make_exception_ptr(Error(texts[r]));
  }
  throw_cause(failures);
}

std::shared_ptr<Communicator> alone() {
  return ThreadGroup(1, {}).rank(0);
}

}  // namespace thespis::collective
