#pragma once
// The weights of a Hugging Face directory, opened and checked, in one model.safetensors or in
// shards that model.safetensors.index.json lists. Files are mapped: what nobody reads costs no
// memory.

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/engine/model_config.hpp"
#include "model/hf/safetensors.hpp"

namespace thespis::model {

class WeightFiles {
 public:
  /// Opens model.safetensors or else what the index lists. Throws InputError: a file that cannot be
  /// opened or is not valid, an index that is not, a tensor that is not where the index says.
  static WeightFiles open(const std::filesystem::path& dir);

  const std::vector<SafetensorsFile>& files() const { return files_; }
  uint64_t tensor_count() const;
  uint64_t byte_count() const;  ///< Of all tensors.

  /// Throws InputError naming file and tensor unless these are exactly the tensors of `config`, in
  /// its shapes and in a dtype that can be read. With tied embeddings an lm_head.weight may be
  /// present if it equals the embedding.
  void require_fit(const ModelConfig& config) const;

  /// Elements from `first` on of a tensor that is there, as float32. Throws InputError: a value
  /// that is not finite.
  void read(std::string_view name, uint64_t first, std::span<float> out) const;

 private:
  struct Found {
    const SafetensorsFile* file = nullptr;
    const TensorEntry* entry = nullptr;
  };
  Found find(std::string_view name) const;
  void open_shards(const std::filesystem::path& dir);
  void check_tied_head() const;

  std::string place_;  // The file, or the index.
  std::vector<SafetensorsFile> files_;
};

}  // namespace thespis::model
