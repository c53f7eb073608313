#include "runtime/base/zstd.hpp"

#include <zstd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <new>
#include <vector>

#include "runtime/base/error.hpp"
#include "runtime/base/file.hpp"

namespace thespis {
namespace {

constexpr std::array<unsigned char, 4> kMagic = {0x28, 0xb5, 0x2f, 0xfd};
constexpr int kWindowLogMax = 27;  // 128 MiB of history, what the zstd program accepts by itself.

}  // namespace

std::string read_packed_file(const std::filesystem::path& path, uint64_t size_bytes_max) {
  std::string packed = read_file(path, size_bytes_max);
  if (packed.size() < kMagic.size() ||
      std::memcmp(packed.data(), kMagic.data(), kMagic.size()) != 0)
    return packed;
  const std::unique_ptr<ZSTD_DCtx, size_t (*)(ZSTD_DCtx*)> context(ZSTD_createDCtx(),
                                                                   ZSTD_freeDCtx);
  if (context == nullptr) throw std::bad_alloc();
  ZSTD_DCtx_setParameter(context.get(), ZSTD_d_windowLogMax, kWindowLogMax);
  std::string out;
  std::vector<char> chunk(ZSTD_DStreamOutSize());
  ZSTD_inBuffer input{packed.data(), packed.size(), 0};
  size_t state = 0;  // 0: a frame is complete.
  bool more = true;
  while (more) {
    ZSTD_outBuffer output{chunk.data(), chunk.size(), 0};
    state = ZSTD_decompressStream(context.get(), &output, &input);
    if (ZSTD_isError(state) != 0)
      throw InputError(path.string() + ": cannot be unpacked: " + ZSTD_getErrorName(state));
    out.append(chunk.data(), output.pos);
    if (out.size() > size_bytes_max)
      throw InputError(path.string() + ": unpacks to more than the " +
                       std::to_string(size_bytes_max) + " bytes that are read");
    more = input.pos < input.size || (state != 0 && output.pos == output.size);
  }
  if (state != 0) throw InputError(path.string() + ": ends within its zstd data");
  return out;
}

}  // namespace thespis
