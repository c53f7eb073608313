#pragma once
// safetensors files: 8 bytes header length (little endian), a JSON header, tensors end to end.
// Reading maps the file; nothing in it is trusted: after open(), every tensor's bytes lie in the
// mapping, tensors neither overlap nor leave holes, and each has as many bytes as its shape says.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/file.hpp"

namespace thespis::model {

/// One tensor in a file. `dtype` is the format's name for it: "F32", "BF16", "I64", ...
struct TensorEntry {
  std::string name;
  std::string dtype;
  std::vector<uint64_t> shape;
  std::span<const std::byte> bytes;  ///< Borrowed from the file's mapping; any alignment.
  uint64_t element_count() const;
};

/// "[3, 4]": how shapes are written in messages.
std::string shape_text(std::span<const uint64_t> shape);

/// A file opened for reading. Views into it live as long as the object.
class SafetensorsFile {
 public:
  /// Throws InputError naming the file and what is wrong with it, Error where the system refuses.
  static SafetensorsFile open(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return path_; }
  const std::vector<TensorEntry>& tensors() const { return tensors_; }  ///< By name.
  const TensorEntry* find(std::string_view name) const;                 ///< nullptr: not there.
  const std::map<std::string, std::string>& metadata() const { return metadata_; }

  /// Writes elements [first, first + out.size()) of the entry as float32 into `out`. Throws
  /// InputError: a dtype other than F32, F16, BF16, or a value that is not finite.
  void read(const TensorEntry& entry, uint64_t first, std::span<float> out) const;

 private:
  SafetensorsFile() = default;
  void parse_header();

  std::filesystem::path path_;
  std::shared_ptr<const MappedFile> mapping_;  // Unmaps when the last copy goes.
  std::vector<TensorEntry> tensors_;
  std::map<std::string, std::string> metadata_;
};

}  // namespace thespis::model
