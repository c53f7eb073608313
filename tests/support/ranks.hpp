#pragma once
// Ranks of a test: one thread each; what each of them threw, by rank.

#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "runtime/collective/communicator.hpp"

namespace thespis::test {

/// What a rank's work ended with: nothing, a lost rank, or another error.
struct Ended {
  bool lost = false;
  uint32_t lost_rank = 0;
  std::string error;
};

inline Ended ended(const std::function<void()>& work) {
  try {
    work();
    return {};
  } catch (const collective::RankLost& lost) {
    return {true, lost.rank(), lost.what()};
  } catch (const std::exception& error) {
    return {false, 0, error.what()};
  }
}

/// Runs work(r) for each rank at once.
inline std::vector<Ended> run_ranks(uint32_t ranks, const std::function<void(uint32_t)>& work) {
  std::vector<Ended> results(ranks);
  std::vector<std::thread> threads;
  for (uint32_t r = 0; r < ranks; ++r)
    threads.emplace_back([&, r] { results[r] = ended([&] { work(r); }); });
  for (std::thread& thread : threads) thread.join();
  return results;
}

}  // namespace thespis::test
