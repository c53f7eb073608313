#include "runtime/base/zstd_file.hpp"

#include <zstd.h>

#include <array>
#include <memory>

#include "runtime/base/error.hpp"
#include "runtime/base/file.hpp"

namespace thespis {

std::string read_data_file(const std::filesystem::path& path, uint64_t size_bytes_max) {
  const std::string bytes = read_file(path, size_bytes_max);
  if (!bytes.starts_with("\x28\xb5\x2f\xfd")) return bytes;
  const std::unique_ptr<ZSTD_DStream, decltype(&ZSTD_freeDStream)> stream(ZSTD_createDStream(),
                                                                          &ZSTD_freeDStream);
  std::string text;
  ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
  std::array<char, 1 << 16> chunk;
  for (size_t left = 1; left != 0 || in.pos < in.size;) {
    ZSTD_outBuffer out{chunk.data(), chunk.size(), 0};
    left = ZSTD_decompressStream(stream.get(), &out, &in);
    if (ZSTD_isError(left) != 0)
      throw InputError(path.string() + ": damaged: " + ZSTD_getErrorName(left));
    text.append(chunk.data(), out.pos);
    if (text.size() > size_bytes_max)
      throw InputError(path.string() + ": more than " + std::to_string(size_bytes_max) +
                       " bytes when decompressed");
    if (left != 0 && in.pos == in.size && out.pos < out.size)
      throw InputError(path.string() + ": damaged: it ends too early");
  }
  return text;
}

}  // namespace thespis
