#include "runtime/base/zstd.hpp"

#include <vector>

#include "runtime/base/error.hpp"
#include "runtime/base/file.hpp"
#include "runtime/base/unpacker.hpp"

namespace thespis {

std::string read_packed_file(const std::filesystem::path& path, uint64_t size_bytes_max) {
  std::string packed = read_file(path, size_bytes_max);
  if (packing_of(packed) != Packing::kZstd) return packed;
  const auto unpacker = make_unpacker(Packing::kZstd, packed);
  constexpr size_t kChunkBytes = 128 << 10;
  std::string out;
  std::vector<char> chunk(kChunkBytes);
  try {
    while (const size_t size = unpacker->read(chunk)) {
      out.append(chunk.data(), size);
      if (out.size() > size_bytes_max)
        throw InputError(path.string() + ": unpacks to more than the " +
                         std::to_string(size_bytes_max) + " bytes that are read");
    }
  } catch (const Damage& damage) {
    throw InputError(path.string() + ": cannot be unpacked: " + damage.what);
  }
  return out;
}

}  // namespace thespis
