#pragma once
// Checkpoints in a directory: step-000120/ holds one file a blob and a manifest with their
// checksums.
//   CS-1  A directory named step-N is complete: it was written and synced under another name first.
//   CS-2  A checkpoint that cannot be read whole, as its checksums say, is never loaded.
//   CS-3  A save that fails leaves every earlier checkpoint as it was.
//   CS-4  Only what `keep` newer valid checkpoints supersede is deleted.
// Not for several threads or processes at a time.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/env/file_system.hpp"

namespace thespis::store {

struct CheckpointInfo {
  uint64_t step = 0;
  uint64_t policy_version = 0;
  uint64_t run_id = 0;
  std::string recipe;  ///< The resolved recipe, TOML.
};

/// Borrowed bytes under a name of 1 to 64 characters among a-z 0-9 _ . -, not beginning with a dot.
struct BlobView {
  std::string name;
  std::span<const std::byte> bytes;
};

struct Blob {
  std::string name;
  std::vector<std::byte> bytes;
};

struct Checkpoint {
  CheckpointInfo info;
  std::vector<Blob> blobs;
  /// Throws Error where there is no blob of that name.
  const Blob& blob(const std::string& name) const;
};

/// A checkpoint that is there but cannot be used, and why: "blob weights: 12 bytes, not 16".
struct Rejected {
  std::string path;
  std::string reason;
};

struct LoadResult {
  std::optional<Checkpoint> checkpoint;  ///< The newest valid one; none where none is valid.
  std::vector<Rejected> rejected;        ///< The newer ones that were passed over.
};

class CheckpointStore {
 public:
  /// `directory` is made when first needed. `files` outlives the store. `keep` is at least 1.
  CheckpointStore(env::FileSystem& files, std::string directory, uint32_t keep);

  /// Writes aside, syncs, renames, then deletes what is superseded. Of two checkpoints of one step
  /// the later is the newer. Throws DiskFull or FileError that says which checkpoint is still
  /// usable.
  void save(const CheckpointInfo& info, std::span<const BlobView> blobs);

  /// Throws FileError only where the directory itself cannot be listed.
  LoadResult load_latest();

 private:
  struct Candidate {
    uint64_t step;
    uint64_t generation;  ///< 1, 2, ... among those of one step.
    std::string name;
  };
  std::vector<Candidate> candidates() const;  // Newest first.
  void write_aside(const CheckpointInfo& info, std::span<const BlobView> blobs,
                   const std::string& aside);
  void move_into_place(const std::string& aside, uint64_t step);
  void delete_superseded();
  std::string still_usable() const;
  std::string path_of(std::string_view name) const { return directory_ + '/' + std::string(name); }

  env::FileSystem& files_;
  std::string directory_;
  uint32_t keep_;
  std::set<std::string> valid_;  // Names of checkpoints that this store wrote or read whole.
};

}  // namespace thespis::store
