#pragma once
// Bytes that may be packed with gzip or zstd, unpacked as they are read.

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace thespis {

/// What is wrong with packed data, one clause; who reads them knows the file.
struct Damage {
  std::string what;
};

/// Unpacked bytes in the order of the file.
class Unpacker {
 public:
  virtual ~Unpacker() = default;
  /// Bytes written to `out`; 0: the end. Throws Damage.
  virtual size_t read(std::span<char> out) = 0;
};

enum class Packing : unsigned char { kNone, kGzip, kZstd };
/// What the first bytes say.
Packing packing_of(std::string_view bytes);

/// `input` outlives it.
std::unique_ptr<Unpacker> make_unpacker(Packing packing, std::string_view input);

}  // namespace thespis
