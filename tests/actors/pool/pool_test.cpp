// Goal: P-1 to P-5 (pool.hpp) hold under any interleaving of offers, answers, failures, workers
// that come and go, and cancellations.
// Method: random operations from one seed against a model that knows who holds what.

#include "actors/pool/pool.hpp"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <map>
#include <set>

#include "runtime/env/random.hpp"
#include "tests/support/seeds.hpp"

using namespace thespis;

namespace {

struct Held {
  Pool::WorkerId worker;
  uint32_t attempt;
};

}  // namespace

TEST_CASE("pool: invariants hold for random operations", "[actors][fuzz]") {
  const uint64_t seed = test::seed();
  CAPTURE(seed);
  env::KeyedRandom random(seed, env::Purpose::kSimulation, 1);
  constexpr uint64_t kBytesMax = 1000;
  constexpr uint32_t kAttemptsMax = 3;
  Pool pool({.queue_bytes_max = kBytesMax, .attempts_max = kAttemptsMax});

  std::set<Pool::Ticket> open;
  std::map<Pool::Ticket, Held> running;
  std::map<Pool::WorkerId, uint32_t> credit;
  std::vector<std::pair<Pool::Ticket, uint32_t>> stale;  // Assignments no longer in force.
  uint64_t refused = 0, exhausted = 0, stale_seen = 0, lost = 0, finished = 0;

  const auto end = [&](Pool::Ticket ticket) { REQUIRE(open.erase(ticket) == 1); };  // P-2
  for (int step = 0; step < 20'000; ++step) {
    const uint32_t what = random.below(100);
    if (what < 30) {
      const uint64_t size = 1 + random.below(100);
      const bool fits = pool.waiting_bytes() + size <= kBytesMax;
      const auto ticket = pool.offer(size);
      REQUIRE(ticket.has_value() == fits);  // P-3
      if (ticket) open.insert(*ticket);
      refused += !ticket;
    } else if (what < 55) {
      if (const auto a = pool.next()) {
        REQUIRE(open.contains(a->ticket));
        REQUIRE(!running.contains(a->ticket));  // P-1
        running[a->ticket] = {a->worker, a->attempt};
        uint32_t held = 0;
        for (const auto& [t, h] : running) held += h.worker == a->worker;
        REQUIRE(held <= credit.at(a->worker));  // P-1
        REQUIRE(a->attempt <= kAttemptsMax);
      }
    } else if (what < 70 && !running.empty()) {
      const auto it = std::next(running.begin(), random.below(running.size()));
      REQUIRE(pool.finished(it->first, it->second.attempt));
      stale.emplace_back(it->first, it->second.attempt);
      end(it->first);
      running.erase(it);
      ++finished;
    } else if (what < 78 && !running.empty()) {
      const auto it = std::next(running.begin(), random.below(running.size()));
      const auto ended = pool.failed(it->first, it->second.attempt);
      REQUIRE(ended != Pool::Ended::kStale);
      REQUIRE((ended == Pool::Ended::kExhausted) == (it->second.attempt == kAttemptsMax));
      if (ended == Pool::Ended::kExhausted) end(it->first);
      exhausted += ended == Pool::Ended::kExhausted;
      stale.emplace_back(it->first, it->second.attempt);
      running.erase(it);
    } else if (what < 82 && credit.size() < 6) {
      const uint32_t c = 1 + random.below(4);
      credit[pool.add_worker(c)] = c;
    } else if (what < 86 && !credit.empty()) {
      const auto worker = std::next(credit.begin(), random.below(credit.size()))->first;
      const bool blame = random.below(2) == 0;
      std::set<Pool::Ticket> held;
      for (const auto& [t, h] : running)
        if (h.worker == worker) held.insert(t);
      const auto result = pool.remove_worker(worker, blame);
      REQUIRE(result.requeued.size() + result.exhausted.size() == held.size());
      for (const auto t : result.exhausted) end(t);
      for (const auto t : held) {
        stale.emplace_back(t, running.at(t).attempt);
        running.erase(t);
      }
      lost += held.size();
      credit.erase(worker);
      if (!result.requeued.empty()) {  // P-4: the oldest of them comes first.
        const auto oldest = *std::min_element(result.requeued.begin(), result.requeued.end());
        if (const auto a = pool.next()) {
          REQUIRE(a->ticket == oldest);
          running[a->ticket] = {a->worker, a->attempt};
        }
      }
    } else if (what < 90 && !open.empty()) {
      const auto ticket = *std::next(open.begin(), random.below(open.size()));
      REQUIRE(pool.cancel(ticket));
      if (running.contains(ticket)) stale.emplace_back(ticket, running.at(ticket).attempt);
      running.erase(ticket);
      end(ticket);
    } else if (!stale.empty()) {
      const auto [ticket, attempt] = stale[random.below(stale.size())];
      const auto now = running.find(ticket);
      if (now != running.end() && now->second.attempt == attempt) continue;
      REQUIRE_FALSE(pool.finished(ticket, attempt));  // P-5
      REQUIRE(pool.failed(ticket, attempt) == Pool::Ended::kStale);
      ++stale_seen;
    }
    REQUIRE(pool.running_count() == running.size());
    REQUIRE(pool.waiting_count() == open.size() - running.size());
  }
  CHECK(refused > 0);
  CHECK(exhausted > 0);
  CHECK(stale_seen > 0);
  CHECK(lost > 0);
  CHECK(finished > 0);
}

TEST_CASE("pool: a worker lost without blame does not count against its jobs", "[actors]") {
  Pool pool({.queue_bytes_max = 100, .attempts_max = 1});
  const auto ticket = pool.offer(10);
  const auto worker = pool.add_worker(1);
  REQUIRE(pool.next());
  CHECK(pool.remove_worker(worker, /*blame=*/false).requeued == std::vector<Pool::Ticket>{*ticket});
  const auto second = pool.add_worker(1);
  REQUIRE(pool.next());
  CHECK(pool.remove_worker(second, /*blame=*/true).exhausted == std::vector<Pool::Ticket>{*ticket});
}

TEST_CASE("pool: a job goes to the worker with the most free credit", "[actors]") {
  Pool pool({});
  const auto small = pool.add_worker(1);
  const auto large = pool.add_worker(3);
  for (int i = 0; i < 4; ++i) REQUIRE(pool.offer(1));
  std::map<Pool::WorkerId, int> got;
  while (const auto a = pool.next()) ++got[a->worker];
  CHECK(got[small] == 1);
  CHECK(got[large] == 3);
}
