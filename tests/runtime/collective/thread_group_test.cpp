// Ranks that are threads (CM-1, CM-2): what each operation brings to whom, and every way to fail:
// a rank that never comes, one that gives up, two that are at different operations.

#include "runtime/collective/thread_group.hpp"

#include <catch2/catch_test_macros.hpp>
#include <numeric>

#include "tests/support/hand_clock.hpp"
#include "tests/support/ranks.hpp"
#include "tests/support/seeds.hpp"

#include "runtime/env/random.hpp"

using namespace thespis;
using namespace thespis::collective;
using test::run_ranks;

namespace {

std::vector<std::shared_ptr<Communicator>> members(const ThreadGroup& group, uint32_t ranks) {
  std::vector<std::shared_ptr<Communicator>> all;
  for (uint32_t r = 0; r < ranks; ++r) all.push_back(group.rank(r));
  return all;
}

}  // namespace

TEST_CASE("thread group: pieces of any size go to whom they are for") {
  for (const uint32_t ranks : {1u, 2u, 3u, 5u}) {
    const auto group = members(ThreadGroup(ranks, {}), ranks);
    // The piece from a to b in operation k, as both can work it out.
    const auto piece = [&](uint64_t k, uint32_t a, uint32_t b) {
      env::KeyedRandom random(test::seed(), env::Purpose::kData, (k * ranks + a) * ranks + b);
      std::vector<std::byte> bytes(random.below(300));
      for (std::byte& x : bytes) x = static_cast<std::byte>(random.below(256));
      return bytes;
    };
    const auto results = run_ranks(ranks, [&](uint32_t me) {
      for (uint64_t k = 0; k < 50; ++k) {
        std::vector<std::vector<std::byte>> out, in;
        std::vector<ConstBytes> send;
        std::vector<Bytes> receive;
        for (uint32_t r = 0; r < ranks; ++r) {
          out.push_back(piece(k, me, r));
          in.emplace_back(piece(k, r, me).size());
        }
        for (uint32_t r = 0; r < ranks; ++r) {
          send.emplace_back(out[r]);
          receive.emplace_back(in[r]);
        }
        group[me]->exchange(send, receive, "step " + std::to_string(k));
        for (uint32_t r = 0; r < ranks; ++r)
          if (in[r] != piece(k, r, me)) throw Error("a piece is not what was sent");
      }
    });
    for (const auto& result : results) CHECK(result.error.empty());
  }
}

TEST_CASE("communicator: gathers, broadcasts, texts and values") {
  constexpr uint32_t kRanks = 3;
  const auto group = members(ThreadGroup(kRanks, {}), kRanks);
  const std::vector<ByteRange> ranges{{0, 2}, {2, 2}, {3, 7}};
  const auto results = run_ranks(kRanks, [&](uint32_t me) {
    const auto mark = static_cast<std::byte>(me + 1);
    const auto filled = [&] {
      std::vector<std::byte> whole(8);
      for (uint64_t i = ranges[me].begin; i < ranges[me].end; ++i) whole[i] = mark;
      return whole;
    };
    const std::vector<std::byte> all{std::byte(1), std::byte(1), std::byte(0), std::byte(3),
                                     std::byte(3), std::byte(3), std::byte(3), std::byte(0)};
    auto whole = filled();
    group[me]->all_gather(whole, ranges, "all");
    if (whole != all) throw Error("all_gather");
    whole = filled();
    group[me]->gather(whole, ranges, 2, "one");
    if (whole != (me == 2 ? all : filled())) throw Error("gather");
    std::vector<std::byte> bytes(5, mark);
    group[me]->broadcast(bytes, 1, "from 1");
    if (bytes != std::vector<std::byte>(5, std::byte(2))) throw Error("broadcast");
    const auto texts = group[me]->all_gather_text(std::string(me, 'x'), "texts");
    if (texts != std::vector<std::string>{"", "x", "xx"}) throw Error("texts");
    if (group[me]->all_gather_text("", "none") != std::vector<std::string>(3)) throw Error("none");
    const auto values = group[me]->all_gather_value(me * 1.5, "values");
    if (values != std::vector<double>{0, 1.5, 3}) throw Error("values");
    group[me]->barrier("the end");
  });
  for (const auto& result : results) CHECK(result.error.empty());
  CHECK(alone()->size() == 1);
  CHECK(alone()->all_gather_text("me", "alone") == std::vector<std::string>{"me"});
}

TEST_CASE("communicator: what fails on one rank fails on all, and the cause before what followed") {
  constexpr uint32_t kRanks = 3;
  const ThreadGroup group(kRanks, {});
  const auto end_with = [&](const std::function<void(uint32_t)>& work) {
    const auto ends = test::run_ranks(
        kRanks, [&](uint32_t r) { group.rank(r)->all_or_none([&] { work(r); }, "a step"); });
    for (const test::Ended& end : ends) {
      CHECK(end.error == ends[0].error);
      CHECK(end.lost == ends[0].lost);
      CHECK(end.lost_rank == ends[0].lost_rank);
    }
    return ends[0];
  };
  CHECK(end_with([](uint32_t) {}).error.empty());
  const auto lost = end_with([](uint32_t r) {
    if (r != 1) throw RankLost(1, "rank 1 is gone");
  });
  CHECK(lost.error == "rank 1 is gone");
  CHECK(lost.lost);
  CHECK(lost.lost_rank == 1);
  const auto cause = end_with([](uint32_t r) {
    if (r == 1) throw Error("out of memory");
    throw RankLost(1, "rank 1 is gone");
  });
  CHECK(cause.error == "out of memory");
  CHECK_FALSE(cause.lost);
}

TEST_CASE("thread group: a rank that never comes is named within the deadline") {
  test::HandClock clock;
  const ThreadGroup group(4, {.deadline = std::chrono::seconds(30), .clock = &clock});
  const auto ranks = members(group, 4);
  ThreadGroup waker = group;
  const auto results = run_ranks(5, [&](uint32_t me) {
    if (me != 2 && me < 4) ranks[me]->barrier("gradients of step 17");
    if (me != 4) return;
    // The clock moves when three are waiting: first not far enough, then to the deadline.
    while (waker.waiting() < 3) std::this_thread::yield();
    clock.pass(std::chrono::milliseconds(29'999));
    waker.look_at_clock();
    clock.pass(std::chrono::milliseconds(1));
    waker.look_at_clock();
  });
  for (const uint32_t r : {0u, 1u, 3u}) {
    CHECK(results[r].lost);
    CHECK(results[r].lost_rank == 2);
    CHECK(results[r].error ==
          "rank 2 of 4 did not reach \"gradients of step 17\" within 30 s; ranks 0, 1, 3 wait");
  }
  CHECK(results[2].error.empty());
  // The late one, and everybody later, hears the same.
  const auto late = run_ranks(4, [&](uint32_t me) { ranks[me]->barrier("later"); });
  for (const auto& result : late) CHECK(result.error == results[0].error);
}

TEST_CASE("thread group: a rank that gives up ends the others' waiting") {
  const ThreadGroup group(3, {});
  const auto ranks = members(group, 3);
  ThreadGroup watch = group;
  const auto results = run_ranks(3, [&](uint32_t me) {
    if (me != 1) return ranks[me]->barrier("step 5");
    while (watch.waiting() < 2) std::this_thread::yield();
    ranks[me]->abort("no memory");
  });
  for (const uint32_t r : {0u, 2u}) {
    CHECK_FALSE(results[r].lost);
    CHECK(results[r].error == "rank 1 of 3 gave up: no memory");
  }
}

TEST_CASE("thread group: ranks that disagree fail, all of them") {
  const auto two = members(ThreadGroup(2, {}), 2);
  for (const auto& result :
       run_ranks(2, [&](uint32_t me) { two[me]->barrier(me == 0 ? "norms" : "weights"); })) {
    CHECK(result.error.find("\"norms\"") != std::string::npos);
    CHECK(result.error.find("\"weights\"") != std::string::npos);
  }
  const auto other = members(ThreadGroup(2, {}), 2);
  const auto results = run_ranks(2, [&](uint32_t me) {
    std::vector<std::byte> bytes(me == 0 ? 4 : 5);
    other[me]->broadcast(bytes, 0, "weights");
  });
  for (const auto& result : results)
    CHECK(result.error == "\"weights\": rank 0 gives 4 bytes where rank 1 awaits 5");
}
