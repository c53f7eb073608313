#include "runtime/base/unpacker.hpp"

#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cstring>
#include <new>

#include <fmt/format.h>

namespace thespis {
namespace {

class PlainUnpacker : public Unpacker {
 public:
  explicit PlainUnpacker(std::string_view input) : rest_(input) {}
  size_t read(std::span<char> out) override {
    const size_t size = std::min(out.size(), rest_.size());
    if (size > 0) std::memcpy(out.data(), rest_.data(), size);
    rest_.remove_prefix(size);
    return size;
  }

 private:
  std::string_view rest_;
};

/// One gzip member after another.
class GzipUnpacker : public Unpacker {
 public:
  explicit GzipUnpacker(std::string_view input) : input_(input) {
    constexpr int kGzipOnly = 16 + MAX_WBITS;
    if (::inflateInit2(&stream_, kGzipOnly) != Z_OK) throw std::bad_alloc();
  }
  ~GzipUnpacker() override { ::inflateEnd(&stream_); }
  GzipUnpacker(const GzipUnpacker&) = delete;
  GzipUnpacker& operator=(const GzipUnpacker&) = delete;

  size_t read(std::span<char> out) override {
    stream_.next_out = reinterpret_cast<Bytef*>(out.data());
    stream_.avail_out = static_cast<uInt>(out.size());
    while (stream_.avail_out == out.size()) {
      if (done_ && at_ == input_.size()) return 0;
      if (done_) ::inflateReset(&stream_);
      done_ = false;
      constexpr size_t kPieceMax = 1 << 30;  // A length that zlib's type holds.
      const size_t piece = std::min(input_.size() - at_, kPieceMax);
      stream_.next_in =
          reinterpret_cast<Bytef*>(const_cast<char*>(input_.data() + at_));  // Not written to.
      stream_.avail_in = static_cast<uInt>(piece);
      const int state = ::inflate(&stream_, Z_NO_FLUSH);
      at_ += piece - stream_.avail_in;
      done_ = state == Z_STREAM_END;
      if (done_) continue;
      if (state != Z_OK && state != Z_BUF_ERROR)
        throw Damage{fmt::format("gzip data are damaged at byte {} of the file{}", at_,
                                 stream_.msg != nullptr ? fmt::format(" ({})", stream_.msg) : "")};
      if (at_ == input_.size() && stream_.avail_out == out.size())
        throw Damage{fmt::format("gzip data are cut short at byte {}, the end of the file", at_)};
    }
    return out.size() - stream_.avail_out;
  }

 private:
  std::string_view input_;
  size_t at_ = 0;
  bool done_ = false;  // A member has come to its end.
  z_stream stream_{};
};

/// One zstd frame after another.
class ZstdUnpacker : public Unpacker {
 public:
  explicit ZstdUnpacker(std::string_view input)
      : input_{input.data(), input.size(), 0}, context_(ZSTD_createDCtx(), ZSTD_freeDCtx) {
    constexpr int kWindowLogMax = 27;  // 128 MiB of history, what the zstd program accepts.
    if (context_ == nullptr) throw std::bad_alloc();
    ZSTD_DCtx_setParameter(context_.get(), ZSTD_d_windowLogMax, kWindowLogMax);
  }

  size_t read(std::span<char> out) override {
    ZSTD_outBuffer output{out.data(), out.size(), 0};
    while (output.pos == 0) {
      const bool ended = input_.pos == input_.size;
      if (ended && whole_) return 0;
      const size_t state = ZSTD_decompressStream(context_.get(), &output, &input_);
      if (ZSTD_isError(state) != 0)
        throw Damage{fmt::format("zstd data are damaged at byte {} of the file ({})", input_.pos,
                                 ZSTD_getErrorName(state))};
      whole_ = state == 0;
      if (ended && !whole_ && output.pos == 0)
        throw Damage{
            fmt::format("zstd data are cut short at byte {}, the end of the file", input_.pos)};
    }
    return output.pos;
  }

 private:
  ZSTD_inBuffer input_;
  std::unique_ptr<ZSTD_DCtx, size_t (*)(ZSTD_DCtx*)> context_;
  bool whole_ = false;  // A frame has come to its end.
};

}  // namespace

Packing packing_of(std::string_view bytes) {
  if (bytes.starts_with("\x1f\x8b")) return Packing::kGzip;
  if (bytes.starts_with("\x28\xb5\x2f\xfd")) return Packing::kZstd;
  return Packing::kNone;
}

std::unique_ptr<Unpacker> make_unpacker(Packing packing, std::string_view input) {
  switch (packing) {
    case Packing::kGzip:
      return std::make_unique<GzipUnpacker>(input);
    case Packing::kZstd:
      return std::make_unique<ZstdUnpacker>(input);
    case Packing::kNone:
      break;
  }
  return std::make_unique<PlainUnpacker>(input);
}

}  // namespace thespis
