#include "model/hf/weight_files.hpp"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <system_error>
#include <unordered_set>

#include "model/hf/dtype.hpp"
#include "model/hf/json_fields.hpp"
#include "model/hf/safetensors_writer.hpp"
#include "runtime/base/assert.hpp"
#include "runtime/base/error.hpp"

namespace thespis::model {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kIndexBytesMax = 64 << 20;
constexpr size_t kShardsMax = 4096;
constexpr const char* kHeadName = "lm_head.weight";
constexpr const char* kEmbeddingName = "model.embed_tokens.weight";

/// Buffers that old checkpoints carry and nobody reads: rope frequencies, which config.json
/// decides.
bool is_ignored(const std::string& name) {
  return name.ends_with(".rotary_emb.inv_freq");
}

/// A name in the directory itself: what an index may point to.
bool is_plain_name(const std::string& name) {
  return name.ends_with(".safetensors") && name.find('/') == name.npos &&
         name.find('\0') == name.npos && !name.starts_with(".");
}

/// "weight_map" of an index: the file of each tensor.
std::map<std::string, std::string> read_weight_map(const fs::path& path) {
  const std::string place = path.string();
  const nlohmann::json document = parse_object(read_file(path, kIndexBytesMax), place);
  const JsonFields fields(document, place);
  const auto map = fields.object("weight_map");
  if (!map) fields.refuse("weight_map", "is missing; it names the file of each tensor");
  if (map->value().empty()) fields.refuse("weight_map", "is empty");
  std::map<std::string, std::string> files;
  for (const auto& [tensor, file] : map->value().items()) {
    if (!file.is_string() || !is_plain_name(file.get<std::string>()))
      throw InputError(place + ": tensor " + brief(tensor) + " is in " + brief(file) +
                       "; a .safetensors file of the same directory is expected");
    files.emplace(tensor, file.get<std::string>());
  }
  return files;
}

}  // namespace

WeightFiles WeightFiles::open(const fs::path& dir) {
  WeightFiles weights;
  std::error_code ignored;  // Whether it exists is all that is asked; opening it says the rest.
  if (!fs::exists(dir / kWeightsFile, ignored) && fs::exists(dir / kIndexFile, ignored)) {
    weights.open_shards(dir);
  } else {
    weights.place_ = (dir / kWeightsFile).string();
    weights.files_.push_back(SafetensorsFile::open(dir / kWeightsFile));
  }
  return weights;
}

void WeightFiles::open_shards(const fs::path& dir) {
  place_ = (dir / kIndexFile).string();
  const auto map = read_weight_map(dir / kIndexFile);
  std::set<std::string> names;
  for (const auto& [tensor, file] : map) names.insert(file);
  if (names.size() > kShardsMax)
    throw InputError(place_ + ": names " + std::to_string(names.size()) + " files; at most " +
                     std::to_string(kShardsMax) + " are supported");
  for (const std::string& name : names) {
    files_.push_back(SafetensorsFile::open(dir / name));
    const SafetensorsFile& file = files_.back();
    for (const TensorEntry& entry : file.tensors()) {
      const auto listed = map.find(entry.name);
      if (listed == map.end() || listed->second != name)
        throw InputError(file.path().string() + ": tensor " + brief(entry.name) + " is not what " +
                         kIndexFile + " has there");
    }
  }
  for (const auto& [tensor, name] : map)
    if (find(tensor).entry == nullptr)
      throw InputError(place_ + ": tensor " + brief(tensor) + " is not in " + name);
}

uint64_t WeightFiles::tensor_count() const {
  uint64_t count = 0;
  for (const SafetensorsFile& file : files_) count += file.tensors().size();
  return count;
}

uint64_t WeightFiles::byte_count() const {
  uint64_t count = 0;
  for (const SafetensorsFile& file : files_)
    for (const TensorEntry& entry : file.tensors()) count += entry.bytes.size();
  return count;
}

WeightFiles::Found WeightFiles::find(std::string_view name) const {
  for (const SafetensorsFile& file : files_)
    if (const TensorEntry* entry = file.find(name)) return {&file, entry};
  return {};
}

void WeightFiles::require_fit(const ModelConfig& config) const {
  const WeightLayout layout = WeightLayout::of(config);
  std::unordered_set<std::string> expected;
  for (const TensorSpec& spec : layout.tensors) {
    expected.insert(spec.name);
    const auto [file, entry] = find(spec.name);
    if (entry == nullptr)
      throw InputError(place_ + ": tensor " + spec.name + " " + shape_text(spec.shape()) +
                       " is missing; config.json asks for it");
    const std::string what = file->path().string() + ": tensor " + spec.name;
    if (entry->shape != spec.shape())
      throw InputError(what + " has shape " + shape_text(entry->shape) + "; config.json asks for " +
                       shape_text(spec.shape()));
    if (!dtype_of(entry->dtype))
      throw InputError(what + " has dtype " + entry->dtype + "; supported: F32, F16, BF16");
  }
  for (const SafetensorsFile& file : files_)
    for (const TensorEntry& entry : file.tensors()) {
      if (expected.contains(entry.name) || is_ignored(entry.name)) continue;
      if (config.tied_embeddings && entry.name == kHeadName) continue;
      throw InputError(file.path().string() + ": tensor " + brief(entry.name) + " " +
                       shape_text(entry.shape) + " is unexpected; config.json has no place for it");
    }
  if (config.tied_embeddings) check_tied_head();
}

/// Some writers store the tied head too. It must say the same as the embedding, or one of them is
/// lost.
void WeightFiles::check_tied_head() const {
  const auto [file, head] = find(kHeadName);
  const TensorEntry* embedding = find(kEmbeddingName).entry;
  if (head == nullptr || embedding == nullptr) return;
  if (head->dtype != embedding->dtype || head->shape != embedding->shape ||
      !std::equal(head->bytes.begin(), head->bytes.end(), embedding->bytes.begin()))
    throw InputError(file->path().string() + ": " + kHeadName + " differs from " + kEmbeddingName +
                     ", although config.json has tie_word_embeddings true");
}

void WeightFiles::read(std::string_view name, uint64_t first, std::span<float> out) const {
  const auto [file, entry] = find(name);
  THESPIS_ASSERT(entry != nullptr);
  file->read(*entry, first, out);
}

}  // namespace thespis::model
