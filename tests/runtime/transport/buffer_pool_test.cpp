// Goal: received frames reuse memory, and what is kept has a limit.
// Method: take and return buffers, also after the pool is gone, and look at their addresses.

#include "runtime/transport/buffer_pool.hpp"

#include <catch2/catch_test_macros.hpp>

#include <random>
#include <vector>

#include "tests/support/seeds.hpp"

using namespace thespis;
using transport::BufferPool;

namespace {

constexpr uint64_t kMiBWords = (uint64_t{1} << 20) / sizeof(capnp::word);

}  // namespace

TEST_CASE("buffer pool: a returned buffer is used again for a similar size",
          "[runtime][transport]") {
  auto pool = std::make_shared<BufferPool>(uint64_t{8} << 20);
  auto first = pool->take(kMiBWords + 10);
  const capnp::word* where = first.get();
  first.reset();
  CHECK(pool->kept_bytes() > 0);
  CHECK(pool->take(kMiBWords + 500).get() == where);
  CHECK(pool->take(kMiBWords * 2).get() != where);
}

TEST_CASE("buffer pool: it keeps what was used last, up to its limit", "[runtime][transport]") {
  const uint64_t seed = test::seed();
  CAPTURE(seed);
  std::mt19937_64 random{seed};
  constexpr uint64_t kLimit = uint64_t{4} << 20;
  auto pool = std::make_shared<BufferPool>(kLimit);
  uint64_t kept_most = 0;
  std::vector<std::shared_ptr<capnp::word>> held;
  for (int step = 0; step < 2'000; ++step) {
    const uint64_t words = 1 + random() % kMiBWords;
    held.push_back(pool->take(words));
    held.back().get()[words - 1] = capnp::word{};  // All of it is ours.
    if (held.size() > 8) held.erase(held.begin() + static_cast<long>(random() % held.size()));
    kept_most = std::max(kept_most, pool->kept_bytes());
    REQUIRE(pool->kept_bytes() <= kLimit);
  }
  CHECK(kept_most > kLimit / 2);
}

TEST_CASE("buffer pool: buffers outlive it", "[runtime][transport]") {
  auto pool = std::make_shared<BufferPool>(uint64_t{8} << 20);
  auto buffer = pool->take(kMiBWords);
  pool.reset();
  buffer.get()[0] = capnp::word{};
}
