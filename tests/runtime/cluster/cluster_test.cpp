// Goal: remote actors behave as ordinary CAF handles (cluster.hpp C-1 to C-4), over shared memory and over tcp.
// Method: two nodes in one process, joined through a real socket and real UCX channels.

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include "runtime/base/error.hpp"
#include "tests/runtime/cluster/test_node.hpp"

using namespace thespis;
using namespace thespis::test;

TEST_CASE("cluster: a request to a peer's actor is answered", "[runtime][cluster]") {
  const auto path = GENERATE(cluster::Path::kTcp, cluster::Path::kSharedMemory);
  TestNode a(options(path)), b(options(path));
  const caf::actor front = b.cluster->join(a.cluster->address());
  caf::scoped_actor self{b.system};
  // Small, beyond one tcp segment, by rendezvous, by rendezvous and large.
  for (const uint64_t tokens : {1, 4'000, 500'000, 8'000'000}) {
    CAPTURE(tokens);
    const auto answer = ask(self, front, generate(tokens, tokens));
    REQUIRE(answer);
    CHECK(*answer == tokens);
  }
  CHECK(a.cluster->status().peers == 1);
  CHECK(b.cluster->status().peers == 1);
}

TEST_CASE("cluster: an error of a peer's actor arrives as it was", "[runtime][cluster]") {
  TestNode a, b;
  const caf::actor front = b.cluster->join(a.cluster->address());
  caf::scoped_actor self{b.system};
  const auto answer = ask(self, front, Judge::build([](wire::Judge::Builder) {}));
  REQUIRE(!answer);
  CHECK(answer.error() == caf::sec::invalid_argument);
  CHECK(to_string(answer.error()).find("does not judge") != std::string::npos);
}
