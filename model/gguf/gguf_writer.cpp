#include "model/gguf/gguf_writer.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "model/hf/dtype.hpp"
#include "runtime/base/assert.hpp"

namespace thespis::model {
namespace {

constexpr uint32_t kVersion = 3;
constexpr uint64_t kAlign = 32;
constexpr uint64_t kPieceElements = 1 << 20;  // A multiple of the block.
constexpr uint64_t kBlock = 32;
constexpr uint64_t kQ8Bytes = 2 + kBlock;

// Types of values, by the format's numbers.
constexpr uint32_t kUint32 = 4, kInt32 = 5, kFloat32 = 6, kBool = 7, kString = 8, kArray = 9;

template <class T>
void append(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void append_text(std::string& out, std::string_view text) {
  append<uint64_t>(out, text.size());
  out.append(text);
}

uint64_t padded(uint64_t bytes) {
  return (bytes + kAlign - 1) / kAlign * kAlign;
}

uint64_t element_count(const GgufTensor& tensor) {
  uint64_t count = 1;
  for (const uint64_t d : tensor.shape) count *= d;
  return count;
}

uint64_t byte_count(const GgufTensor& tensor) {
  const uint64_t elements = element_count(tensor);
  switch (tensor.type) {
    case GgufType::kF32:
      return 4 * elements;
    case GgufType::kF16:
    case GgufType::kBF16:
      return 2 * elements;
    case GgufType::kQ8_0:
      break;
  }
  THESPIS_ASSERT(tensor.shape.back() % kBlock == 0);
  return elements / kBlock * kQ8Bytes;
}

std::string header_of(const GgufMetadata& metadata, const std::vector<GgufTensor>& tensors) {
  std::string out = "GGUF";
  append(out, kVersion);
  append<uint64_t>(out, tensors.size());
  append<uint64_t>(out, metadata.size());
  out += metadata.bytes();
  uint64_t offset = 0;
  for (const GgufTensor& t : tensors) {
    append_text(out, t.name);
    append(out, static_cast<uint32_t>(t.shape.size()));
    for (auto d = t.shape.rbegin(); d != t.shape.rend(); ++d) append<uint64_t>(out, *d);
    append(out, static_cast<uint32_t>(t.type));
    append(out, offset);
    offset += padded(byte_count(t));
  }
  out.resize(padded(out.size()), '\0');
  return out;
}

void append_data(env::File& file, const GgufTensor& tensor) {
  std::vector<float> values;
  std::vector<std::byte> bytes;
  const std::string what = "tensor " + tensor.name;
  for (uint64_t left = element_count(tensor); left > 0; left -= values.size()) {
    values.resize(std::min(left, kPieceElements));
    tensor.read(values);
    bytes.clear();
    if (tensor.type == GgufType::kQ8_0) {
      append_q8_0(values, bytes, what);
    } else {
      const Dtype dtype = tensor.type == GgufType::kF32   ? Dtype::kF32
                          : tensor.type == GgufType::kF16 ? Dtype::kF16
                                                          : Dtype::kBF16;
      bytes.resize(values.size() * dtype_bytes(dtype));
      narrow(dtype, values, bytes, what);
    }
    file.append(bytes);
  }
  const uint64_t size = byte_count(tensor);
  bytes.assign(padded(size) - size, std::byte{0});
  if (!bytes.empty()) file.append(bytes);
}

}  // namespace

void GgufMetadata::begin(std::string_view key, uint32_t type) {
  append_text(bytes_, key);
  append(bytes_, type);
  ++size_;
}

void GgufMetadata::text(std::string_view key, std::string_view value) {
  begin(key, kString);
  append_text(bytes_, value);
}

void GgufMetadata::count(std::string_view key, uint32_t value) {
  begin(key, kUint32);
  append(bytes_, value);
}

void GgufMetadata::number(std::string_view key, float value) {
  begin(key, kFloat32);
  append(bytes_, value);
}

void GgufMetadata::flag(std::string_view key, bool value) {
  begin(key, kBool);
  append<uint8_t>(bytes_, value ? 1 : 0);
}

void GgufMetadata::texts(std::string_view key, const std::vector<std::string>& values) {
  begin(key, kArray);
  append(bytes_, kString);
  append<uint64_t>(bytes_, values.size());
  for (const std::string& value : values) append_text(bytes_, value);
}

void GgufMetadata::counts(std::string_view key, const std::vector<int32_t>& values) {
  begin(key, kArray);
  append(bytes_, kInt32);
  append<uint64_t>(bytes_, values.size());
  for (const int32_t value : values) append(bytes_, value);
}

void append_q8_0(std::span<const float> values, std::vector<std::byte>& out,
                 const std::string& what) {
  for (size_t first = 0; first < values.size(); first += kBlock) {
    const auto block = values.subspan(first, kBlock);
    float largest = 0;
    for (const float v : block) largest = std::max(largest, std::abs(v));
    const float scale = largest / 127;
    const float inverse = scale != 0 ? 1 / scale : 0.0f;
    std::byte bytes[kQ8Bytes];
    narrow(Dtype::kF16, {&scale, 1}, std::span(bytes).first(2), what);
    for (size_t i = 0; i < kBlock; ++i)
      bytes[2 + i] = static_cast<std::byte>(static_cast<int8_t>(std::round(block[i] * inverse)));
    out.insert(out.end(), bytes, bytes + kQ8Bytes);
  }
}

void write_gguf(env::FileSystem& files, const std::filesystem::path& path,
                const GgufMetadata& metadata, const std::vector<GgufTensor>& tensors) {
  const std::string aside = path.string() + ".writing";
  try {
    const std::string header = header_of(metadata, tensors);
    const auto file = files.create(aside);
    file->append(std::as_bytes(std::span(header.data(), header.size())));
    for (const GgufTensor& t : tensors) append_data(*file, t);
    file->sync();
  } catch (const Error&) {
    try {
      files.remove_tree(aside);
    } catch (const env::FileError&) {
      // A file left behind is the lesser evil; the first cause is what the user must hear.
    }
    throw;
  }
  files.rename(aside, path.string());
  files.sync_directory(env::parent_directory(path.string()));
}

}  // namespace thespis::model
