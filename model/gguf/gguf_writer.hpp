#pragma once
// GGUF files, version 3, as llama.cpp reads them (ggml's docs/gguf.md): keys and values, a list of
// tensors, then their data, each at a multiple of 32 bytes. All little-endian.

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "model/hf/safetensors_writer.hpp"
#include "runtime/env/file_system.hpp"

namespace thespis::model {

/// Number formats of tensors, by ggml's numbers for them.
enum class GgufType : uint32_t { kF32 = 0, kF16 = 1, kQ8_0 = 8, kBF16 = 30 };

/// Keys and values in the order in which they are added.
class GgufMetadata {
 public:
  void text(std::string_view key, std::string_view value);
  void count(std::string_view key, uint32_t value);
  void number(std::string_view key, float value);
  void flag(std::string_view key, bool value);
  void texts(std::string_view key, const std::vector<std::string>& values);
  void counts(std::string_view key, const std::vector<int32_t>& values);

  const std::string& bytes() const { return bytes_; }
  uint64_t size() const { return size_; }

 private:
  void begin(std::string_view key, uint32_t type);
  std::string bytes_;
  uint64_t size_ = 0;
};

struct GgufTensor {
  std::string name;
  std::vector<uint64_t> shape;  ///< Row-major, as in safetensors: the last dimension is contiguous.
  GgufType type = GgufType::kF32;
  ElementReader read;
};

/// Writes beside `path`, syncs and renames. A tensor of kQ8_0 has rows of a multiple of 32
/// elements. Throws Error from the system, InputError for a value too large for its format.
void write_gguf(env::FileSystem& files, const std::filesystem::path& path,
                const GgufMetadata& metadata, const std::vector<GgufTensor>& tensors);

/// Q8_0: for each 32 values a half-precision scale and 32 signed bytes. `values` is a multiple of
/// 32; appends to `out`. `what` stands in messages.
void append_q8_0(std::span<const float> values, std::vector<std::byte>& out,
                 const std::string& what);

}  // namespace thespis::model
