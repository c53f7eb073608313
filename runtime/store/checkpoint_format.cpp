#include "runtime/store/checkpoint_format.hpp"

#include <xxhash.h>

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "runtime/wire/message.hpp"
#include "schemas/checkpoint.capnp.h"

#include "runtime/env/mutant.hpp"

namespace thespis::store {
namespace {

constexpr char kMagic[8] = {'T', 'H', 'E', 'S', 'C', 'K', 'P', '1'};
constexpr size_t kHeaderBytes = sizeof kMagic + sizeof(uint64_t);

using Manifest = wire::Message<wire::CheckpointManifest>;
template <class T>
using Checked = tl::expected<T, std::string>;

tl::unexpected<std::string> reject(std::string reason) {
  return tl::unexpected<std::string>(std::move(reason));
}

/// The frame of a manifest file whose magic and checksum are right.
Checked<wire::Frame> open_manifest(std::span<const std::byte> bytes) {
  if (bytes.size() < kHeaderBytes)
    return reject(fmt::format("manifest: {} bytes, torn", bytes.size()));
  if (std::memcmp(bytes.data(), kMagic, sizeof kMagic) != 0)
    return reject("manifest: does not begin as one of this version does");
  uint64_t expected;
  std::memcpy(&expected, bytes.data() + sizeof kMagic, sizeof expected);
  const auto frame = bytes.subspan(kHeaderBytes);
  if (checksum(frame) != expected || frame.empty() || frame.size() % sizeof(capnp::word) != 0)
    return reject("manifest: checksum does not match, torn or altered");
  return wire::Frame::copy({reinterpret_cast<const uint8_t*>(frame.data()), frame.size()});
}

Checked<Blob> read_blob(const env::FileSystem& files, const std::string& path,
                        wire::CheckpointManifest::Blob::Reader entry) {
  Blob blob{entry.getName(), {}};
  if (!is_blob_name(blob.name)) return reject("manifest: names a blob as no blob is named");
  const std::string file = path + '/' + blob.name;
  if (!files.exists(file)) return reject(fmt::format("blob {}: missing", blob.name));
  const uint64_t size = files.size_bytes(file);
  if (size != entry.getSizeBytes())
    return reject(fmt::format("blob {}: {} bytes, not {}", blob.name, size, entry.getSizeBytes()));
  blob.bytes = files.read(file, size);
  if (blob.bytes.size() != size ||
      (checksum(blob.bytes) != entry.getChecksum() && !THESPIS_MUTANT(checkpoint_is_not_verified)))
    return reject(fmt::format("blob {}: checksum does not match, altered", blob.name));
  return blob;
}

Checked<Checkpoint> read_parts(const env::FileSystem& files, const std::string& path) {
  const std::string manifest_path = path + '/' + kManifestName;
  if (!files.exists(manifest_path)) return reject("manifest: missing");
  const auto frame = open_manifest(files.read(manifest_path, kManifestBytesMax));
  if (!frame) return reject(frame.error());
  const auto manifest = Manifest::adopt(*frame).read();
  Checkpoint checkpoint;
  checkpoint.info = {manifest->getStep(), manifest->getPolicyVersion(), manifest->getRunId(),
                     manifest->getRecipe()};
  if (manifest->getBlobs().size() > kBlobCountMax) return reject("manifest: names too many blobs");
  for (const auto entry : manifest->getBlobs()) {
    auto blob = read_blob(files, path, entry);
    if (!blob) return reject(blob.error());
    checkpoint.blobs.push_back(std::move(*blob));
  }
  return checkpoint;
}

}  // namespace

uint64_t checksum(std::span<const std::byte> bytes) {
  return XXH3_64bits(bytes.data(), bytes.size());
}

bool is_blob_name(const std::string& name) {
  constexpr size_t kNameBytesMax = 64;
  return !name.empty() && name.size() <= kNameBytesMax && name[0] != '.' && name != kManifestName &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_.-") == name.npos;
}

std::vector<std::byte> encode_manifest(const CheckpointInfo& info,
                                       std::span<const BlobView> blobs) {
  const auto message = Manifest::build([&](wire::CheckpointManifest::Builder manifest) {
    manifest.setStep(info.step);
    manifest.setPolicyVersion(info.policy_version);
    manifest.setRunId(info.run_id);
    manifest.setRecipe(info.recipe);
    auto entries = manifest.initBlobs(static_cast<unsigned>(blobs.size()));
    for (unsigned i = 0; i < entries.size(); ++i) {
      entries[i].setName(blobs[i].name);
      entries[i].setSizeBytes(blobs[i].bytes.size());
      entries[i].setChecksum(checksum(blobs[i].bytes));
    }
  });
  const auto frame = std::as_bytes(message.frame().bytes());
  const uint64_t sum = checksum(frame);
  std::vector<std::byte> out(kHeaderBytes + frame.size());
  std::memcpy(out.data(), kMagic, sizeof kMagic);
  std::memcpy(out.data() + sizeof kMagic, &sum, sizeof sum);
  std::copy(frame.begin(), frame.end(), out.begin() + kHeaderBytes);
  return out;
}

Checked<Checkpoint> read_checkpoint(const env::FileSystem& files, const std::string& path) {
  try {
    return read_parts(files, path);
  } catch (const env::FileError& error) {
    return reject(error.what());
  } catch (const kj::Exception& error) {  // A manifest with a right checksum and a wrong structure.
    return reject(fmt::format("manifest: {}", error.getDescription().cStr()));
  }
}

}  // namespace thespis::store
