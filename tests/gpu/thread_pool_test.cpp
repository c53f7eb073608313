// The pool: each index once, several clients at once, nested regions, exceptions. Method: counting.

#include "gpu/thread_pool.hpp"

#include <catch2/catch_test_macros.hpp>
#include <memory>
#include <stdexcept>
#include <string>

using thespis::gpu::ThreadPool;

TEST_CASE("thread pool: every index runs exactly once, for any count and number of threads") {
  for (const unsigned threads : {0u, 1u, 2u, 4u}) {
    ThreadPool pool(threads);
    CHECK(pool.thread_count() == std::max(1u, threads));
    for (const size_t count : {0u, 1u, 2u, 3u, 7u, 100u}) {
      std::vector<std::atomic<int>> hits(count);
      pool.parallel_for(count, [&](size_t i) { hits[i].fetch_add(1); });
      for (const auto& h : hits) CHECK(h.load() == 1);
    }
  }
}

TEST_CASE("thread pool: clients on several threads do not disturb one another") {
  ThreadPool pool(3);
  std::atomic<uint64_t> sums[4] = {};
  std::vector<std::thread> clients;
  for (size_t c = 0; c < 4; ++c)
    clients.emplace_back([&, c] {
      for (int round = 0; round < 300; ++round)
        pool.parallel_for(5, [&, c](size_t i) { sums[c].fetch_add(i + 1); });
    });
  for (std::thread& t : clients) t.join();
  for (const auto& s : sums) CHECK(s.load() == 300 * 15);
}

TEST_CASE("thread pool: a region within a region ends") {
  ThreadPool pool(2);
  std::atomic<int> inner{0};
  pool.parallel_for(6, [&](size_t) { pool.parallel_for(6, [&](size_t) { inner.fetch_add(1); }); });
  CHECK(inner.load() == 36);
}

TEST_CASE("thread pool: the exception of the lowest index arrives, after all have ended") {
  for (const unsigned threads : {2u, 4u}) {
    ThreadPool pool(threads);
    for (int round = 0; round < 50; ++round) {
      std::atomic<int> ran{0};
      std::string message;
      try {
        pool.parallel_for(20, [&](size_t i) {
          ran.fetch_add(1);
          if (i % 3 == 2) throw std::runtime_error(std::to_string(i));
        });
      } catch (const std::runtime_error& e) {
        message = e.what();
      }
      CHECK(message == "2");
      CHECK(ran.load() == 20);
    }
  }
}
