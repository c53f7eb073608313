#pragma once
// Writing of safetensors files, one or several shards with an index, as `transformers` reads them.
// No tensor need be in memory whole: values come piece by piece.

#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "model/hf/dtype.hpp"
#include "runtime/env/file_system.hpp"

namespace thespis::model {

inline constexpr const char* kWeightsFile = "model.safetensors";
inline constexpr const char* kIndexFile = "model.safetensors.index.json";

/// Gives the next elements of a tensor in float32, in order, until all have been given.
using ElementReader = std::function<void(std::span<float> next)>;

/// Of values at hand, which it borrows.
ElementReader read_values(std::span<const float> values);

struct TensorToWrite {
  std::string name;
  std::vector<uint64_t> shape;
  ElementReader read;
  uint64_t element_count() const;
};

/// Writes the tensors, in order of name, beside `path`, syncs, and renames: a reader sees the old
/// file or the whole new one. Metadata is {"format": "pt"}. Throws Error naming the path (disk
/// full, ...), InputError for a value that is too large for `dtype`.
void write_safetensors(env::FileSystem& files, const std::filesystem::path& path,
                       std::vector<TensorToWrite> tensors, Dtype dtype = Dtype::kF32);

/// Writes a directory's weights: one model.safetensors, or, where they have more than
/// `shard_bytes_max` bytes, shards of at most so many (a larger tensor has a shard of its own) and
/// the index. All shards are written aside before the first is renamed; the index comes last, and
/// what the directory held before goes then. A reader sees the old weights, the new ones, or none.
void write_weights(env::FileSystem& files, const std::filesystem::path& dir,
                   std::vector<TensorToWrite> tensors, Dtype dtype, uint64_t shard_bytes_max);

}  // namespace thespis::model
