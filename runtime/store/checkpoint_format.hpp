#pragma once
// The bytes of a checkpoint's manifest and the checks of its blobs. The manifest file is 8 bytes of
// magic, the XXH3-64 of what follows, and one Cap'n Proto frame of CheckpointManifest.

#include <string>

#include <tl/expected.hpp>

#include "runtime/store/checkpoint_store.hpp"

namespace thespis::store {

inline constexpr const char* kManifestName = "manifest";
inline constexpr uint64_t kManifestBytesMax = 16 << 20;
inline constexpr uint32_t kBlobCountMax = 1024;

std::vector<std::byte> encode_manifest(const CheckpointInfo& info, std::span<const BlobView> blobs);

/// Reads the checkpoint in directory `path`, or says in one line why it cannot be used.
tl::expected<Checkpoint, std::string> read_checkpoint(const env::FileSystem& files,
                                                      const std::string& path);

bool is_blob_name(const std::string& name);

uint64_t checksum(std::span<const std::byte> bytes);

}  // namespace thespis::store
