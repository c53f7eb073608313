#include "runtime/store/checkpoint_store.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <tuple>

#include <fmt/format.h>

#include "runtime/base/assert.hpp"
#include "runtime/env/fault.hpp"
#include "runtime/store/checkpoint_format.hpp"

namespace thespis::store {
namespace {

constexpr std::string_view kPrefix = "step-";
// A name that no candidate has: what lies there is an unfinished save.
constexpr std::string_view kAside = "writing";

/// "step-000120", and "step-000120.2" for the second of that step.
std::string name_of(uint64_t step, uint64_t generation) {
  const std::string name = fmt::format("{}{:06}", kPrefix, step);
  return generation == 1 ? name : fmt::format("{}.{}", name, generation);
}

std::optional<uint64_t> number_in(std::string_view text) {
  uint64_t number = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (status != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace

const Blob& Checkpoint::blob(const std::string& name) const {
  const auto found = std::find_if(blobs.begin(), blobs.end(),
                                  [&name](const Blob& blob) { return blob.name == name; });
  if (found == blobs.end())
    throw Error(fmt::format("checkpoint of step {}: has no blob {}", info.step, name));
  return *found;
}

CheckpointStore::CheckpointStore(env::FileSystem& files, std::string directory, uint32_t keep)
    : files_(files), directory_(std::move(directory)), keep_(keep) {
  THESPIS_ASSERT(keep >= 1);
}

std::vector<CheckpointStore::Candidate> CheckpointStore::candidates() const {
  std::vector<Candidate> found;
  if (!files_.exists(directory_)) return found;
  for (const env::DirectoryEntry& entry : files_.list(directory_)) {
    std::string_view text = entry.name;
    if (!entry.is_directory || !text.starts_with(kPrefix)) continue;
    text.remove_prefix(kPrefix.size());
    const auto dot = text.find('.');
    const auto step = number_in(text.substr(0, dot));
    const auto generation = dot == text.npos ? 1 : number_in(text.substr(dot + 1));
    if (step && generation && entry.name == name_of(*step, *generation))
      found.push_back({*step, *generation, entry.name});
  }
  std::sort(found.begin(), found.end(), [](const Candidate& a, const Candidate& b) {
    return std::tuple(b.step, b.generation) < std::tuple(a.step, a.generation);
  });
  return found;
}

LoadResult CheckpointStore::load_latest() {
  LoadResult result;
  for (const Candidate& candidate : candidates()) {
    const std::string path = path_of(candidate.name);
    auto checkpoint = read_checkpoint(files_, path);
    if (checkpoint && checkpoint->info.step != candidate.step)
      checkpoint = tl::unexpected(fmt::format("manifest: of step {}", checkpoint->info.step));
    if (checkpoint) {
      valid_.insert(candidate.name);
      result.checkpoint = std::move(*checkpoint);
      return result;
    }
    valid_.erase(candidate.name);
    result.rejected.push_back({path, checkpoint.error()});
  }
  return result;
}

void CheckpointStore::save(const CheckpointInfo& info, std::span<const BlobView> blobs) {
  for (const BlobView& blob : blobs) THESPIS_ASSERT(is_blob_name(blob.name));
  const auto what = [this, &info](const env::FileError& error) {
    return fmt::format("checkpoint of step {} was not saved: {}; {}", info.step, error.what(),
                       still_usable());
  };
  const std::string aside = path_of(kAside);
  try {
    write_aside(info, blobs, aside);
    if (THESPIS_FAULT(checkpoint_rename_fails)) env::throw_file_error(aside, "renamed", EIO);
    move_into_place(aside, info.step);
  } catch (const env::DiskFull& error) {
    throw env::DiskFull(what(error), error.error_number());
  } catch (const env::FileError& error) {
    throw env::FileError(what(error), error.error_number());
  }
  delete_superseded();
}

void CheckpointStore::write_aside(const CheckpointInfo& info, std::span<const BlobView> blobs,
                                  const std::string& aside) {
  if (!files_.exists(directory_)) {
    files_.create_directories(directory_);
    files_.sync_directory(env::parent_directory(directory_));
  }
  files_.remove_tree(aside);  // Of a save that did not finish.
  files_.create_directories(aside);
  const auto write = [this, &aside](const std::string& name, std::span<const std::byte> bytes) {
    const auto file = files_.create(aside + '/' + name);
    file->append(bytes);
    file->sync();
  };
  try {
    for (const BlobView& blob : blobs) write(blob.name, blob.bytes);
    write(kManifestName, encode_manifest(info, blobs));
    files_.sync_directory(aside);
  } catch (const env::FileError&) {
    // Gives a full disk its room back.
    try {
      files_.remove_tree(aside);
    } catch (const env::FileError&) {
      // The first failure says more than this one.
    }
    throw;
  }
}

void CheckpointStore::move_into_place(const std::string& aside, uint64_t step) {
  uint64_t generation = 1;
  for (const Candidate& candidate : candidates())
    if (candidate.step == step) generation = std::max(generation, candidate.generation + 1);
  const std::string name = name_of(step, generation);
  files_.rename(aside, path_of(name));
  files_.sync_directory(directory_);
  valid_.insert(name);
}

void CheckpointStore::delete_superseded() {
  uint32_t valid_count = 0;
  for (const Candidate& candidate : candidates()) {
    const std::string path = path_of(candidate.name);
    if (valid_count == keep_) {
      files_.remove_tree(path);
      valid_.erase(candidate.name);
      continue;
    }
    // One that an earlier process left counts only after it was read.
    if (!valid_.contains(candidate.name) && read_checkpoint(files_, path))
      valid_.insert(candidate.name);
    if (valid_.contains(candidate.name)) ++valid_count;
  }
}

std::string CheckpointStore::still_usable() const {
  try {
    for (const Candidate& candidate : candidates())
      if (valid_.contains(candidate.name) || read_checkpoint(files_, path_of(candidate.name)))
        return fmt::format("that of step {} is still usable", candidate.step);
  } catch (const env::FileError& error) {
    return fmt::format("of earlier ones nothing is known: {}", error.what());
  }
  return "there is no earlier one";
}

}  // namespace thespis::store
