// Cards that exchange memory, one thread a member.

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "tests/support/card.hpp"
#include "tests/support/ranks.hpp"

using namespace thespis;
using namespace std::chrono_literals;
using Catch::Matchers::EndsWith;

namespace {

constexpr uint32_t kMembers = 2;

}  // namespace

TEST_CASE("device communicator: pieces arrive where they are meant to, of any size") {
  const auto cards = test::cards(kMembers);
  const auto id = cards[0]->make_communicator_id();
  std::vector<std::vector<float>> received(kMembers);
  const auto ended = test::run_ranks(kMembers, [&](uint32_t r) {
    const auto member = cards[r]->join(id, r, kMembers, 30s);
    test::CardMemory memory(cards[r]);
    // To member t go (r + 1) * (t + 1) * 1000 floats of value 10 r + t; 1 sends nothing to itself.
    std::vector<gpu::SentPiece> send;
    std::vector<gpu::ReceivedPiece> receive;
    std::vector<size_t> sizes;
    const auto count = [](uint32_t from, uint32_t to) {
      return from == 1 && to == 1 ? size_t{0} : size_t{from + 1} * (to + 1) * 1000;
    };
    for (uint32_t t = 0; t < kMembers; ++t) {
      const std::vector<float> values(count(r, t), static_cast<float>(10 * r + t));
      send.push_back({memory.put(values), values.size() * sizeof(float)});
      sizes.push_back(count(t, r));
      receive.push_back({memory.make<float>(sizes.back()), sizes.back() * sizeof(float)});
    }
    member->exchange(memory.stream(), send, receive, "a test");
    member->wait(memory.stream(), "a test");
    for (uint32_t t = 0; t < kMembers; ++t) {
      const auto values = memory.get(static_cast<const float*>(receive[t].at), sizes[t]);
      received[r].insert(received[r].end(), values.begin(), values.end());
    }
  });
  for (const test::Ended& end : ended) CHECK(end.error.empty());
  std::vector<float> first(1000, 0.0f), second(2000, 1.0f);
  first.insert(first.end(), 2000, 10.0f);
  CHECK(received[0] == first);
  CHECK(received[1] == second);
}

TEST_CASE("device communicator: who never joins, never calls or leaves is named to the others") {
  const auto cards = test::cards(kMembers);
  CHECK_THROWS_WITH(cards[0]->join(cards[0]->make_communicator_id(), 0, kMembers, 300ms),
                    EndsWith(": member 0 of 2: waited too long for the other members to join: "
                             "member 1 is missing: it has not joined"));

  // Member 1 leaves after its only call, or stays and makes no other.
  const auto second_call = [&](bool leaves, std::chrono::milliseconds deadline) {
    const auto id = cards[0]->make_communicator_id();
    std::vector<std::unique_ptr<gpu::DeviceCommunicator>> members(kMembers);
    const auto ended = test::run_ranks(kMembers, [&](uint32_t r) {
      members[r] = cards[r]->join(id, r, kMembers, deadline);
      test::CardMemory memory(cards[r]);
      float* at = memory.make<float>(1024);
      std::vector<gpu::SentPiece> send(kMembers, {nullptr, 0});
      std::vector<gpu::ReceivedPiece> receive(kMembers, {nullptr, 0});
      send[1 - r] = {at, 1024};
      receive[1 - r] = {at + 512, 1024};
      for (const char* what : {"gradients of step 6", "gradients of step 7"}) {
        members[r]->exchange(memory.stream(), send, receive, what);
        members[r]->wait(memory.stream(), what);
        if (r == 1) break;
      }
      if (r == 1 && leaves) members[r].reset();
    });
    CHECK(ended[1].error.empty());
    CHECK(ended[0].lost);
    CHECK(ended[0].lost_rank == 1);
    return ended[0].error;
  };
  CHECK_THAT(second_call(true, 60s),
             EndsWith(": member 0 of 2: gradients of step 7: member 1 has left after gradients of "
                      "step 6"));
  CHECK_THAT(second_call(false, 1s),
             EndsWith(": member 0 of 2: waited too long for gradients of step 7: member 1 is "
                      "missing: it was last at gradients of step 6"));
}
