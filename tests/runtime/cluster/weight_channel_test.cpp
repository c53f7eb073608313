// Goal: the promise WEIGHTS: a reader gets the bytes that were published, or a status that says
// why not.
// Method: publisher and fetcher over shared memory and over UCX get; corrupted, stale and foreign
// manifests.

#include "runtime/cluster/weight_channel.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <algorithm>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>
#include <xxhash.h>

#include "runtime/cluster/memory_file.hpp"
#include "runtime/env/random.hpp"
#include "runtime/transport/host_identity.hpp"
#include "runtime/transport/ucx_remote_get.hpp"

using namespace thespis;
using cluster::FetchStatus;
using cluster::WeightFetcher;
using cluster::WeightPublisher;
using Manifest = wire::Message<wire::WeightManifest>;

namespace {

constexpr uint64_t kRun = 42;

std::vector<float> arena(uint64_t version, size_t count = 3'000'001) {
  env::KeyedRandom random(1, env::Purpose::kInit, version);
  std::vector<float> weights(count);
  for (float& w : weights) w = static_cast<float>(random.uniform());
  return weights;
}

// A manifest with one thing changed.
template <class Change>
Manifest changed(const Manifest& manifest, Change change) {
  const auto in = manifest.read();
  capnp::MallocMessageBuilder copy;
  copy.setRoot(*in);
  auto root = copy.getRoot<wire::WeightManifest>();
  change(root);
  return Manifest::adopt(wire::Frame::own(capnp::messageToFlatArray(copy)));
}

WeightFetcher::Options way(WeightFetcher::Way way) {
  return {.run_id = kRun, .way = way};
}

}  // namespace

TEST_CASE("weight channel: what is fetched is what was published", "[runtime][weights]") {
  const auto by =
      GENERATE(WeightFetcher::Way::kSharedMemoryOnSameHost, WeightFetcher::Way::kUcxOnly);
  WeightPublisher publisher({.run_id = kRun});
  WeightFetcher fetcher(way(by));
  for (uint64_t version = 1; version <= 5; ++version) {
    const auto weights = arena(version);
    const auto fetched = fetcher.fetch(publisher.publish(version, weights));
    CAPTURE(fetched.detail);
    REQUIRE(fetched.status == FetchStatus::kOk);
    CHECK(std::ranges::equal(fetched.weights, weights));
  }
}

TEST_CASE("weight channel: fetched weights outlive their version and its publisher",
          "[runtime][weights]") {
  const auto by =
      GENERATE(WeightFetcher::Way::kSharedMemoryOnSameHost, WeightFetcher::Way::kUcxOnly);
  cluster::FetchedWeights fetched;
  const auto weights = arena(1);
  {
    WeightPublisher publisher({.run_id = kRun, .versions_kept = 1});
    WeightFetcher fetcher(way(by));
    fetched = fetcher.fetch(publisher.publish(1, weights));
    publisher.publish(2, arena(2));
  }
  REQUIRE(fetched.status == FetchStatus::kOk);
  CHECK(std::ranges::equal(fetched.weights, weights));
}

TEST_CASE("weight channel: policy and reference are kept apart", "[runtime][weights]") {
  WeightPublisher publisher({.run_id = kRun, .versions_kept = 1});
  WeightFetcher fetcher(way(WeightFetcher::Way::kSharedMemoryOnSameHost));
  const auto reference = publisher.publish(0, arena(0), true);
  for (uint64_t version = 1; version < 4; ++version) publisher.publish(version, arena(version));
  CHECK(fetcher.fetch(reference).status == FetchStatus::kOk);
}

TEST_CASE("weight channel: old, foreign and altered weights are refused", "[runtime][weights]") {
  const auto by =
      GENERATE(WeightFetcher::Way::kSharedMemoryOnSameHost, WeightFetcher::Way::kUcxOnly);
  WeightPublisher publisher({.run_id = kRun, .versions_kept = 2});
  WeightFetcher fetcher(way(by));
  const auto first = publisher.publish(1, arena(1));
  REQUIRE(fetcher.fetch(first).status == FetchStatus::kOk);

  SECTION("of another run") {
    const auto other = changed(first, [](auto& m) { m.setRunId(kRun + 1); });
    CHECK(fetcher.fetch(other).status == FetchStatus::kSuperseded);
  }
  SECTION("no longer kept") {
    publisher.publish(2, arena(2));
    publisher.publish(3, arena(3));
    CHECK(fetcher.fetch(first).status == FetchStatus::kSuperseded);
  }
  SECTION("announced under another version") {
    const auto other = changed(first, [](auto& m) { m.setPolicyVersion(7); });
    CHECK(fetcher.fetch(other).status == FetchStatus::kSuperseded);
  }
  SECTION("an absurd size") {
    const auto other = changed(first, [](auto& m) { m.setSizeBytes(uint64_t{1} << 60); });
    CHECK(fetcher.fetch(other).status == FetchStatus::kCorrupt);
  }
}

TEST_CASE("weight channel: a publisher that is gone is unreachable", "[runtime][weights]") {
  const auto by =
      GENERATE(WeightFetcher::Way::kSharedMemoryOnSameHost, WeightFetcher::Way::kUcxOnly);
  const bool connected_before = GENERATE(false, true);
  auto options = way(by);
  options.chunk_deadline = std::chrono::milliseconds(500);
  WeightFetcher fetcher(options);
  Manifest manifest;
  // In a process of its own, which has ended when the manifest is used: in shared memory its
  // number is the only trace.
  const pid_t child = fork();
  if (child == 0) _exit(0);
  REQUIRE(child > 0);
  REQUIRE(waitpid(child, nullptr, 0) == child);
  {
    WeightPublisher publisher({.run_id = kRun});
    manifest = publisher.publish(1, arena(1));
    if (connected_before) REQUIRE(fetcher.fetch(manifest).status == FetchStatus::kOk);
    manifest = changed(
        manifest, [&](auto& m) { m.setSharedMemory("/proc/" + std::to_string(child) + "/fd/5"); });
  }
  const auto fetched = fetcher.fetch(manifest);
  CAPTURE(fetched.detail);
  CHECK(fetched.status == FetchStatus::kUnreachable);
  CHECK(fetched.weights.empty());
}

TEST_CASE("weight channel: a flipped bit is found", "[runtime][weights]") {
  auto weights = arena(1);
  const std::span<const uint8_t> bytes(reinterpret_cast<const uint8_t*>(weights.data()),
                                       weights.size() * sizeof(float));
  cluster::MemoryFileHeader header;
  header.magic = cluster::MemoryFile::kMagic;
  header.run_id = kRun;
  header.version = 1;
  header.size_bytes = bytes.size();
  header.checksum = XXH3_64bits(bytes.data(), bytes.size());
  const bool flip = GENERATE(false, true);  // False: the same by hand, unharmed.
  if (flip) weights.back() = -weights.back();
  const auto manifest = [&](auto fill) {
    return Manifest::build([&](wire::WeightManifest::Builder out) {
      out.setPolicyVersion(1);
      out.setRunId(kRun);
      out.setSizeBytes(bytes.size());
      out.setChecksum(header.checksum);
      out.setHostId(transport::memory_domain());
      fill(out);
    });
  };
  const FetchStatus expected = flip ? FetchStatus::kCorrupt : FetchStatus::kOk;

  SECTION("in shared memory") {
    const cluster::MemoryFile file(header, bytes);
    WeightFetcher fetcher(way(WeightFetcher::Way::kSharedMemoryOnSameHost));
    const auto fetched = fetcher.fetch(manifest([&](auto& m) { m.setSharedMemory(file.path()); }));
    CHECK(fetched.status == expected);
    CHECK(fetched.weights.empty() == flip);
  }
  SECTION("over UCX get") {
    std::vector<uint8_t> remote(cluster::MemoryFile::kHeaderBytes + bytes.size());
    std::memcpy(remote.data(), &header, sizeof header);
    std::ranges::copy(bytes, remote.begin() + cluster::MemoryFile::kHeaderBytes);
    transport::UcxGetServer server("127.0.0.1");
    const transport::UcxGetServer::Region region(server, remote);
    std::string key(1, static_cast<char>(server.address().size()));
    key += std::string(1, '\0') + server.address() + region.key();
    WeightFetcher fetcher(way(WeightFetcher::Way::kUcxOnly));
    const auto fetched = fetcher.fetch(manifest([&](auto& m) {
      m.setRemoteAddress(reinterpret_cast<uint64_t>(remote.data()));
      m.setRemoteKey({reinterpret_cast<const uint8_t*>(key.data()), key.size()});
    }));
    CHECK(fetched.status == expected);
    CHECK(fetched.weights.empty() == flip);
  }
}
