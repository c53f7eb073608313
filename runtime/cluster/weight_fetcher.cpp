#include <sys/mman.h>
#include <xxhash.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include "runtime/base/assert.hpp"
#include "runtime/base/error.hpp"
#include "runtime/cluster/memory_file.hpp"
#include "runtime/cluster/weight_channel.hpp"
#include "runtime/env/mutant.hpp"
#include "runtime/transport/host_identity.hpp"
#include "runtime/transport/ucx_remote_get.hpp"

namespace thespis::cluster {
namespace {

// More than any host's memory: a manifest beyond it is nonsense.
constexpr uint64_t kWeightBytesMax = uint64_t{1} << 44;

/// Anonymous pages for a fetched copy.
class Pages {
 public:
  explicit Pages(uint64_t bytes) : bytes_(bytes) {
    base_ = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base_ == MAP_FAILED)
      throw Error(transport::errno_text(
          "no memory for " + std::to_string(bytes) + " bytes of weights", errno));
  }
  ~Pages() { THESPIS_ASSERT(munmap(base_, bytes_) == 0); }
  Pages(const Pages&) = delete;
  Pages& operator=(const Pages&) = delete;
  std::span<uint8_t> bytes() const { return {static_cast<uint8_t*>(base_), bytes_}; }

 private:
  void* base_ = nullptr;
  const uint64_t bytes_;
};

std::span<const float> as_floats(std::span<const uint8_t> bytes) {
  return {reinterpret_cast<const float*>(bytes.data()), bytes.size() / sizeof(float)};
}

FetchedWeights failed(FetchStatus status, std::string detail) {
  return {status, std::move(detail), {}, nullptr};
}

}  // namespace

FetchedWeights verified(std::span<const uint8_t> bytes, std::shared_ptr<const void> owner,
                        uint64_t version, uint64_t checksum) {
  if (XXH3_64bits(bytes.data(), bytes.size()) != checksum &&
      !THESPIS_MUTANT(weights_are_not_verified))
    return failed(FetchStatus::kCorrupt,
                  "the checksum of weights version " + std::to_string(version) + " differs");
  return {FetchStatus::kOk, {}, as_floats(bytes), std::move(owner)};
}

class WeightFetcher::Impl {
 public:
  explicit Impl(Options options) : options_(options), memory_domain_(transport::memory_domain()) {}

  FetchedWeights fetch(const wire::Message<wire::WeightManifest>& message) {
    const auto manifest = message.read();
    if (manifest->getRunId() != options_.run_id)
      return failed(FetchStatus::kSuperseded, "weights of another run");
    const uint64_t bytes = manifest->getSizeBytes();
    if (bytes == 0 || bytes % sizeof(float) != 0 || bytes > kWeightBytesMax)
      return failed(FetchStatus::kCorrupt,
                    "a manifest of " + std::to_string(bytes) + " bytes of weights");
    MemoryFileHeader wanted;
    wanted.magic = MemoryFile::kMagic;
    wanted.run_id = manifest->getRunId();
    wanted.version = manifest->getPolicyVersion();
    wanted.reference = manifest->getReference() ? 1 : 0;
    wanted.size_bytes = bytes;
    wanted.checksum = manifest->getChecksum();
    const bool same_host =
        manifest->getHostId() == memory_domain_ && manifest->getSharedMemory().size() > 0;
    if (same_host && options_.way == Way::kSharedMemoryOnSameHost)
      return map(manifest->getSharedMemory(), wanted);
    const auto key = manifest->getRemoteKey();
    return get({reinterpret_cast<const char*>(key.begin()), key.size()},
               manifest->getRemoteAddress(), wanted);
  }

 private:
  FetchedWeights map(const std::string& path, const MemoryFileHeader& wanted) const {
    auto opened = MappedMemoryFile::open(path, wanted);
    if (!opened.file)
      return failed(opened.problem == MappedMemoryFile::Problem::kGone ? FetchStatus::kUnreachable
                                                                       : FetchStatus::kSuperseded,
                    opened.detail);
    const auto bytes = opened.file->bytes();
    return verified(bytes, std::move(opened.file), wanted.version, wanted.checksum);
  }

  FetchedWeights get(const std::string& packed, uint64_t address, const MemoryFileHeader& wanted) {
    const size_t address_bytes =
        packed.size() < 2 ? 0
                          : static_cast<uint8_t>(packed[0]) | static_cast<uint8_t>(packed[1]) << 8;
    if (address_bytes == 0 || packed.size() <= 2 + address_bytes)
      return failed(FetchStatus::kUnreachable, "the manifest names no remote memory");
    const std::string server = packed.substr(2, address_bytes);
    const std::string key = packed.substr(2 + address_bytes);
    auto pages = std::make_shared<const Pages>(wanted.size_bytes);
    MemoryFileHeader before, after;
    try {
      if (!client_ || server != server_) {
        client_.reset();
        client_.emplace(server);
        server_ = server;
      }
      get_header(before, address, key);
      client_->get(pages->bytes(), address + MemoryFile::kHeaderBytes, key, options_.chunk_bytes,
                   options_.chunk_deadline);
      get_header(after, address, key);
    } catch (const Error& e) {
      client_.reset();  // Before the pages that it may still write to.
      return failed(FetchStatus::kUnreachable, e.what());
    }
    if (!(before == wanted) || !(after == wanted))
      return failed(FetchStatus::kSuperseded, "the publisher holds other weights there by now");
    return verified(pages->bytes(), pages, wanted.version, wanted.checksum);
  }

  void get_header(MemoryFileHeader& header, uint64_t address, const std::string& key) {
    client_->get({reinterpret_cast<uint8_t*>(&header), sizeof header}, address, key,
                 options_.chunk_bytes, options_.chunk_deadline);
  }

  const Options options_;
  const uint64_t memory_domain_;
  std::string server_;
  std::optional<transport::UcxGetClient> client_;
};

WeightFetcher::WeightFetcher(Options options) : impl_(std::make_unique<Impl>(options)) {}
WeightFetcher::~WeightFetcher() = default;

FetchedWeights WeightFetcher::fetch(const wire::Message<wire::WeightManifest>& manifest) {
  return impl_->fetch(manifest);
}

}  // namespace thespis::cluster
