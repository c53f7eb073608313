#include "runtime/base/line_reader.hpp"

#include <algorithm>
#include <span>

#include <fmt/format.h>

#include "runtime/base/error.hpp"
#include "runtime/base/unpacker.hpp"

namespace thespis {
namespace {

constexpr size_t kBufferBytes = 256 << 10;

std::unique_ptr<Unpacker> unpacker_of(const std::string& path, std::span<const std::byte> bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (text.starts_with("PAR1"))
    throw InputError(fmt::format(
        "{0}: is Parquet, which is not read; convert it to JSON lines with python3 -c \"import "
        "pandas; pandas.read_parquet('{0}').to_json('{0}.jsonl', orient='records', lines=True, "
        "force_ascii=False)\"",
        path));
  return make_unpacker(packing_of(text), text);
}

}  // namespace

LineReader::LineReader(const std::filesystem::path& path)
    : path_(path.string()),
      file_(path),
      unpacker_(unpacker_of(path_, file_.bytes())),
      buffer_(kBufferBytes) {}

LineReader::~LineReader() = default;

void LineReader::fail(const std::string& what) const {
  throw InputError(fmt::format("{}:{}: {}", path_, line_number_, what));
}

bool LineReader::fill() {
  size_t size = 0;
  try {
    size = unpacker_->read(buffer_);
  } catch (const Damage& damage) {
    fail(damage.what);
  }
  unpacked_bytes_ += size;
  if (unpacked_bytes_ > kUnpackedBytesMax)
    fail(fmt::format("the file unpacks to more than {} bytes", kUnpackedBytesMax));
  rest_ = {buffer_.data(), size};
  return size > 0;
}

bool LineReader::next(std::string_view& line) {
  line_.clear();
  ++line_number_;
  if (rest_.empty() && !fill()) return false;
  for (;;) {
    const size_t end = rest_.find('\n');
    const std::string_view part = rest_.substr(0, end);
    if (line_.size() + part.size() > kLineBytesMax)
      fail(fmt::format("a line of more than {} bytes", kLineBytesMax));
    rest_.remove_prefix(std::min(part.size() + 1, rest_.size()));
    if (end != part.npos && line_.empty()) {
      line = part;
      return true;
    }
    line_ += part;
    if (end != part.npos || !fill()) {
      line = line_;
      return true;
    }
  }
}

}  // namespace thespis
