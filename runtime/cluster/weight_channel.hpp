#pragma once
// Weight channel: the learner's parameters, published once per version and read by any number of
// workers.
//   WC-1  A published version never changes: it lies in a sealed memory file of its own.
//   WC-2  A reader gets bytes only after size, run, version and checksum were verified (the promise
//         WEIGHTS).
//   WC-3  Nothing is left behind by kill -9: memory files have no name outside /proc/PID/fd.
//   WC-4  The publisher holds the last `versions_kept` versions; a manifest of an older one is
//         superseded.

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "runtime/wire/message.hpp"
#include "schemas/weights.capnp.h"

namespace thespis::cluster {

/// Where the learner leaves new weights. Thread-safe.
class WeightSink {
 public:
  virtual ~WeightSink() = default;
  /// Copies the arena, checksums and offers it; returns the manifest to send.
  virtual wire::Message<wire::WeightManifest> publish(uint64_t policy_version,
                                                      std::span<const float> arena,
                                                      bool reference) = 0;
};

class WeightPublisher final : public WeightSink {
 public:
  struct Options {
    uint64_t run_id = 0;
    uint32_t versions_kept = 3;  ///< Of policy and reference weights each.
    /// The local address that other hosts reach; UCX uses its interface. Loopback: this host only.
    std::string host = "127.0.0.1";
  };
  explicit WeightPublisher(Options options);
  ~WeightPublisher() override;
  WeightPublisher(const WeightPublisher&) = delete;
  WeightPublisher& operator=(const WeightPublisher&) = delete;

  wire::Message<wire::WeightManifest> publish(uint64_t policy_version, std::span<const float> arena,
                                              bool reference = false) override;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

enum class FetchStatus {
  kOk,
  kCorrupt,      ///< Size or checksum differ.
  kSuperseded,   ///< Of another run, or no longer held.
  kUnreachable,  ///< The publisher is gone or silent.
};

struct FetchedWeights {
  FetchStatus status = FetchStatus::kUnreachable;
  std::string detail;              ///< For people; empty where status is kOk.
  std::span<const float> weights;  ///< Read-only; valid while `owner` lives. Empty unless kOk.
  std::shared_ptr<const void> owner;
};

/// Where a worker gets announced weights. One caller at a time.
class WeightSource {
 public:
  virtual ~WeightSource() = default;
  /// Blocks until the weights are here and verified, or says why not.
  virtual FetchedWeights fetch(const wire::Message<wire::WeightManifest>& manifest) = 0;
};

/// What every source asks before it hands weights on (WC-2): the checksum that their manifest
/// names.
FetchedWeights verified(std::span<const uint8_t> bytes, std::shared_ptr<const void> owner,
                        uint64_t version, uint64_t checksum);

class WeightFetcher final : public WeightSource {
 public:
  /// kUcxOnly is for tests and measurements.
  enum class Way { kSharedMemoryOnSameHost, kUcxOnly };
  struct Options {
    uint64_t run_id = 0;  ///< Manifests of other runs are superseded.
    Way way = Way::kSharedMemoryOnSameHost;
    uint64_t chunk_bytes = uint64_t{8} << 20;  ///< Of one UCX get.
    std::chrono::milliseconds chunk_deadline{10000};
  };
  explicit WeightFetcher(Options options);
  ~WeightFetcher() override;
  WeightFetcher(const WeightFetcher&) = delete;
  WeightFetcher& operator=(const WeightFetcher&) = delete;

  FetchedWeights fetch(const wire::Message<wire::WeightManifest>& manifest) override;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace thespis::cluster
