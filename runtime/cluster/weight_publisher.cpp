#include <sys/mman.h>
#include <xxhash.h>

#include <cerrno>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "runtime/base/assert.hpp"
#include "runtime/base/error.hpp"
#include "runtime/cluster/memory_file.hpp"
#include "runtime/cluster/weight_channel.hpp"
#include "runtime/transport/host_identity.hpp"
#include "runtime/transport/ucx_remote_get.hpp"

namespace thespis::cluster {
namespace {

// A range of addresses that stays mapped until the publisher ends. UCX serves a late reader by
// address alone: what it then finds is a newer version, or zeros, and it sees that by header and
// checksum.
class Slot {
 public:
  explicit Slot(uint64_t bytes) : bytes_(bytes) {
    base_ = mmap(nullptr, bytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base_ == MAP_FAILED)
      throw Error(transport::errno_text("cannot reserve addresses for weights", errno));
  }
  ~Slot() { THESPIS_ASSERT(munmap(base_, bytes_) == 0); }
  Slot(const Slot&) = delete;
  Slot& operator=(const Slot&) = delete;

  uint64_t bytes() const { return bytes_; }
  std::span<const uint8_t> show(const MemoryFile& file) {
    map(MAP_PRIVATE, file.descriptor(), file.file_bytes());
    return {static_cast<const uint8_t*>(base_), file.file_bytes()};
  }
  void clear() { map(MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, bytes_); }

 private:
  void map(int flags, int descriptor, uint64_t bytes) {
    if (mmap(base_, bytes, PROT_READ, flags | MAP_FIXED, descriptor, 0) == MAP_FAILED)
      throw Error(transport::errno_text("cannot map weights", errno));
  }
  void* base_ = nullptr;
  const uint64_t bytes_;
};

struct Version {
  MemoryFile file;
  Slot* slot;
  std::unique_ptr<transport::UcxGetServer::Region> region;
};

}  // namespace

class WeightPublisher::Impl {
 public:
  explicit Impl(Options options)
      : options_(std::move(options)),
        memory_domain_(transport::memory_domain()),
        server_(options_.host) {
    if (options_.versions_kept == 0) throw InputError("weight channel: versions_kept must be > 0");
  }

  wire::Message<wire::WeightManifest> publish(uint64_t policy_version, std::span<const float> arena,
                                              bool reference) {
    const std::span<const uint8_t> bytes(reinterpret_cast<const uint8_t*>(arena.data()),
                                         arena.size_bytes());
    if (bytes.empty()) throw Error("weight channel: no weights to publish");
    const std::lock_guard lock(mutex_);
    auto& kept = kept_[reference];
    if (kept.size() == options_.versions_kept) {
      Slot* slot = kept.front()->slot;
      kept.pop_front();
      slot->clear();
      free_slots_.push_back(slot);
    }
    const uint64_t checksum = XXH3_64bits(bytes.data(), bytes.size());
    MemoryFileHeader header;
    header.run_id = options_.run_id;
    header.version = policy_version;
    header.reference = reference ? 1 : 0;
    header.checksum = checksum;
    auto version = std::make_unique<Version>(
        Version{.file = MemoryFile(header, bytes), .slot = nullptr, .region = {}});
    version->slot = slot_for(version->file.file_bytes());
    const std::span<const uint8_t> shown = version->slot->show(version->file);
    version->region = std::make_unique<transport::UcxGetServer::Region>(server_, shown);

    const std::string key = packed_key(version->region->key());
    auto manifest =
        wire::Message<wire::WeightManifest>::build([&](wire::WeightManifest::Builder out) {
          out.setPolicyVersion(policy_version);
          out.setRunId(options_.run_id);
          out.setSizeBytes(bytes.size());
          out.setChecksum(checksum);
          out.setSharedMemory(version->file.path());
          out.setHostId(memory_domain_);
          out.setRemoteAddress(reinterpret_cast<uint64_t>(shown.data()));
          out.setRemoteKey({reinterpret_cast<const uint8_t*>(key.data()), key.size()});
          out.setReference(reference);
        });
    kept.push_back(std::move(version));
    return manifest;
  }

 private:
  // Where to connect and what to read there, for WeightFetcher.
  std::string packed_key(const std::string& region_key) const {
    const std::string& address = server_.address();
    std::string packed(1, static_cast<char>(address.size() & 0xff));
    packed += static_cast<char>(address.size() >> 8);
    return packed + address + region_key;
  }

  Slot* slot_for(uint64_t bytes) {
    for (auto slot = free_slots_.begin(); slot != free_slots_.end(); ++slot) {
      if ((*slot)->bytes() < bytes) continue;
      Slot* found = *slot;
      free_slots_.erase(slot);
      return found;
    }
    slots_.push_back(std::make_unique<Slot>(bytes));
    return slots_.back().get();
  }

  const Options options_;
  const uint64_t memory_domain_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Slot>> slots_;
  std::vector<Slot*> free_slots_;
  transport::UcxGetServer server_;  // Ends before the slots that it reads.
  std::map<bool, std::deque<std::unique_ptr<Version>>> kept_;
};

WeightPublisher::WeightPublisher(Options options)
    : impl_(std::make_unique<Impl>(std::move(options))) {}
WeightPublisher::~WeightPublisher() = default;

wire::Message<wire::WeightManifest> WeightPublisher::publish(uint64_t policy_version,
                                                             std::span<const float> arena,
                                                             bool reference) {
  return impl_->publish(policy_version, arena, reference);
}

}  // namespace thespis::cluster
