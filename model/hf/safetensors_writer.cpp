#include "model/hf/safetensors_writer.hpp"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "runtime/base/assert.hpp"

namespace thespis::model {
namespace {

constexpr uint64_t kAlign = 8;
constexpr uint64_t kPieceElements = 1 << 20;
constexpr const char* kAside = ".writing";

uint64_t byte_count(const TensorToWrite& tensor, Dtype dtype) {
  return tensor.element_count() * dtype_bytes(dtype);
}

std::string header_of(const std::vector<TensorToWrite>& tensors, Dtype dtype) {
  nlohmann::ordered_json header;
  header["__metadata__"] = {{"format", "pt"}};
  uint64_t end = 0;
  for (const TensorToWrite& t : tensors) {
    THESPIS_ASSERT(!header.contains(t.name));
    const uint64_t begin = std::exchange(end, end + byte_count(t, dtype));
    header[t.name] = {
        {"dtype", dtype_name(dtype)}, {"shape", t.shape}, {"data_offsets", {begin, end}}};
  }
  std::string text = header.dump();
  text.resize((text.size() + kAlign - 1) / kAlign * kAlign, ' ');  // Aligns the data.
  return text;
}

void append_values(env::File& file, const TensorToWrite& tensor, Dtype dtype,
                   std::vector<float>& values, std::vector<std::byte>& bytes) {
  for (uint64_t left = tensor.element_count(); left > 0; left -= values.size()) {
    values.resize(std::min(left, kPieceElements));
    tensor.read(values);
    bytes.resize(values.size() * dtype_bytes(dtype));
    narrow(dtype, values, bytes, "tensor " + tensor.name);
    file.append(bytes);
  }
}

/// Writes `path` + kAside, synced; the caller renames it.
void write_aside(env::FileSystem& files, const std::string& path,
                 const std::vector<TensorToWrite>& tensors, Dtype dtype) {
  const std::string header = header_of(tensors, dtype);
  const uint64_t header_size = header.size();
  std::vector<float> values;
  std::vector<std::byte> bytes;
  const auto file = files.create(path + kAside);
  file->append(std::as_bytes(std::span(&header_size, 1)));
  file->append(std::as_bytes(std::span(header.data(), header.size())));
  for (const TensorToWrite& t : tensors) append_values(*file, t, dtype, values, bytes);
  file->sync();
}

/// Removes what a failed write left, and says nothing if that fails too: a file left behind is the
/// lesser evil; the first cause is what the user must hear.
void discard_aside(env::FileSystem& files, const std::vector<std::string>& paths) {
  for (const std::string& path : paths) try {
      files.remove_tree(path + kAside);
    } catch (const env::FileError&) {
      continue;  // As said above.
    }
}

void sort_by_name(std::vector<TensorToWrite>& tensors) {
  std::sort(tensors.begin(), tensors.end(),
            [](const TensorToWrite& a, const TensorToWrite& b) { return a.name < b.name; });
}

/// Tensors in their own order, as many as fit into each shard.
std::vector<std::vector<TensorToWrite>> into_shards(std::vector<TensorToWrite> tensors, Dtype dtype,
                                                    uint64_t shard_bytes_max) {
  std::vector<std::vector<TensorToWrite>> shards;
  uint64_t bytes = 0;
  for (TensorToWrite& t : tensors) {
    const uint64_t size = byte_count(t, dtype);
    if (shards.empty() || bytes + size > shard_bytes_max) {
      shards.emplace_back();
      bytes = 0;
    }
    bytes += size;
    shards.back().push_back(std::move(t));
  }
  for (auto& shard : shards) sort_by_name(shard);
  return shards;
}

std::string shard_name(size_t index, size_t count) {
  char name[64];
  std::snprintf(name, sizeof name, "model-%05zu-of-%05zu.safetensors", index + 1, count);
  return name;
}

bool is_shard_name(const std::string& name) {
  return name.starts_with("model-") && name.ends_with(".safetensors");
}

/// Weight files of the directory that are not among the new ones.
void remove_others(env::FileSystem& files, const std::string& dir,
                   const std::vector<std::string>& kept) {
  for (const env::DirectoryEntry& entry : files.list(dir)) {
    const std::string& name = entry.name;
    const bool weights = name == kWeightsFile || name == kIndexFile || is_shard_name(name);
    if (!entry.is_directory && weights && std::find(kept.begin(), kept.end(), name) == kept.end())
      files.remove_tree(dir + "/" + name);
  }
}

void write_shards(env::FileSystem& files, const std::string& dir,
                  const std::vector<std::vector<TensorToWrite>>& shards, Dtype dtype) {
  std::vector<std::string> names, paths;
  nlohmann::json map;
  uint64_t total = 0;
  for (size_t i = 0; i < shards.size(); ++i) {
    names.push_back(shard_name(i, shards.size()));
    paths.push_back(dir + "/" + names.back());
    for (const TensorToWrite& t : shards[i]) {
      map[t.name] = names.back();
      total += byte_count(t, dtype);
    }
  }
  try {
    for (size_t i = 0; i < shards.size(); ++i) write_aside(files, paths[i], shards[i], dtype);
  } catch (const Error&) {
    discard_aside(files, paths);
    throw;
  }
  // Old shards may have the new ones' names: without an index nobody takes some of each.
  files.remove_tree(dir + "/" + kIndexFile);
  files.sync_directory(dir);
  for (const std::string& path : paths) files.rename(path + kAside, path);
  const nlohmann::ordered_json index{{"metadata", {{"total_size", total}}}, {"weight_map", map}};
  const std::string text = index.dump(2) + "\n";
  files.replace(dir + "/" + kIndexFile, std::as_bytes(std::span(text.data(), text.size())));
  names.push_back(kIndexFile);
  remove_others(files, dir, names);
}

}  // namespace

ElementReader read_values(std::span<const float> values) {
  return [values](std::span<float> next) mutable {
    THESPIS_ASSERT(next.size() <= values.size());
    std::copy_n(values.begin(), next.size(), next.begin());
    values = values.subspan(next.size());
  };
}

uint64_t TensorToWrite::element_count() const {
  uint64_t count = 1;
  for (const uint64_t d : shape) count *= d;
  return count;
}

void write_safetensors(env::FileSystem& files, const std::filesystem::path& path,
                       std::vector<TensorToWrite> tensors, Dtype dtype) {
  sort_by_name(tensors);
  try {
    write_aside(files, path.string(), tensors, dtype);
  } catch (const Error&) {
    discard_aside(files, {path.string()});
    throw;
  }
  files.rename(path.string() + kAside, path.string());
  files.sync_directory(env::parent_directory(path.string()));
}

void write_weights(env::FileSystem& files, const std::filesystem::path& dir,
                   std::vector<TensorToWrite> tensors, Dtype dtype, uint64_t shard_bytes_max) {
  uint64_t total = 0;
  for (const TensorToWrite& t : tensors) total += byte_count(t, dtype);
  if (total > shard_bytes_max)
    return write_shards(files, dir.string(),
                        into_shards(std::move(tensors), dtype, shard_bytes_max), dtype);
  write_safetensors(files, dir / kWeightsFile, std::move(tensors), dtype);
  remove_others(files, dir.string(), {kWeightsFile});
}

}  // namespace thespis::model
