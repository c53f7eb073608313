#include "model/hf/safetensors.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "model/hf/dtype.hpp"
#include "model/hf/json_fields.hpp"
#include "runtime/base/assert.hpp"
#include "runtime/base/error.hpp"

namespace thespis::model {
namespace {

constexpr uint64_t kLengthBytes = 8;
constexpr uint64_t kHeaderBytesMax = 100'000'000;  // As in the format's reference implementation.
constexpr uint64_t kDimensionsMax = 8;
constexpr const char* kMetadataKey = "__metadata__";

/// Bytes of one element; none for names that the format does not have.
std::optional<uint64_t> element_bytes_of(const std::string& dtype) {
  static constexpr std::pair<const char*, uint64_t> kTypes[] = {
      {"BOOL", 1}, {"U8", 1},  {"I8", 1},  {"F8_E4M3", 1}, {"F8_E5M2", 1},
      {"I16", 2},  {"U16", 2}, {"F16", 2}, {"BF16", 2},    {"I32", 4},
      {"U32", 4},  {"F32", 4}, {"I64", 8}, {"U64", 8},     {"F64", 8}};
  for (const auto& [name, bytes] : kTypes)
    if (dtype == name) return bytes;
  return std::nullopt;
}

std::optional<uint64_t> product(uint64_t a, uint64_t b) {
  uint64_t result = 0;
  if (__builtin_mul_overflow(a, b, &result)) return std::nullopt;
  return result;
}

/// Parses the header; a name that comes twice is refused, for the parser would keep the last.
nlohmann::json parse_header_json(std::string_view text, const std::string& place) {
  std::set<std::string> names;
  std::optional<std::string> repeated;
  const auto watch = [&](int depth, nlohmann::json::parse_event_t event, nlohmann::json& parsed) {
    if (depth == 1 && event == nlohmann::json::parse_event_t::key &&
        !names.insert(parsed.get<std::string>()).second)
      repeated = parsed.get<std::string>();
    return true;
  };
  nlohmann::json header;
  try {
    header = nlohmann::json::parse(text.begin(), text.end(), watch);
  } catch (const nlohmann::json::exception&) {
    throw InputError(place + ": its header is not valid JSON");
  }
  if (!header.is_object()) throw InputError(place + ": its header is not a JSON object");
  if (repeated) throw InputError(place + ": has two tensors named " + brief(*repeated));
  return header;
}

std::vector<uint64_t> read_numbers(const nlohmann::json& value, size_t count_max,
                                   const std::string& what) {
  const auto is_count = [](const nlohmann::json& v) { return v.is_number_unsigned(); };
  if (!value.is_array() || value.size() > count_max ||
      !std::all_of(value.begin(), value.end(), is_count))
    throw InputError(what + " is not a list of at most " + std::to_string(count_max) +
                     " whole numbers");
  return value.get<std::vector<uint64_t>>();
}

TensorEntry read_entry(const std::string& name, const nlohmann::json& value,
                       std::span<const std::byte> data, const std::string& place) {
  const std::string what = place + ": tensor " + brief(name);
  if (!value.is_object() || !value.contains("dtype") || !value.contains("shape") ||
      !value.contains("data_offsets"))
    throw InputError(what + " has no dtype, shape and data_offsets");
  TensorEntry entry{.name = name, .dtype = {}, .shape = {}, .bytes = {}};
  if (!value["dtype"].is_string()) throw InputError(what + " has a dtype that is not a string");
  entry.dtype = value["dtype"].get<std::string>();
  const auto element_bytes = element_bytes_of(entry.dtype);
  if (!element_bytes) throw InputError(what + " has the unknown dtype " + brief(value["dtype"]));
  entry.shape = read_numbers(value["shape"], kDimensionsMax, what + ": shape");
  const auto offsets = read_numbers(value["data_offsets"], 2, what + ": data_offsets");
  if (offsets.size() != 2 || offsets[0] > offsets[1])
    throw InputError(what + " has data_offsets that are not [begin, end]");
  if (offsets[1] > data.size())
    throw InputError(what + " ends at byte " + std::to_string(offsets[1]) +
                     " of the data, which has " + std::to_string(data.size()) +
                     "; the file may have been cut short");
  std::optional<uint64_t> bytes = element_bytes;
  for (const uint64_t d : entry.shape) bytes = bytes ? product(*bytes, d) : bytes;
  if (!bytes || *bytes != offsets[1] - offsets[0])
    throw InputError(what + " has " + std::to_string(offsets[1] - offsets[0]) +
                     " bytes, which its shape " + shape_text(entry.shape) + " and dtype " +
                     entry.dtype + " do not come to");
  entry.bytes = data.subspan(offsets[0], *bytes);
  return entry;
}

/// Tensors must fill the data end to end; anything else hides bytes or shares them.
void check_coverage(const std::vector<TensorEntry>& tensors, std::span<const std::byte> data,
                    const std::string& place) {
  std::vector<const TensorEntry*> order;
  for (const TensorEntry& t : tensors) order.push_back(&t);
  std::sort(order.begin(), order.end(), [](const TensorEntry* a, const TensorEntry* b) {
    return std::pair(a->bytes.data(), a->bytes.size()) <
           std::pair(b->bytes.data(), b->bytes.size());
  });
  const std::byte* end = data.data();
  for (const TensorEntry* t : order) {
    if (t->bytes.data() < end)
      throw InputError(place + ": tensor " + brief(t->name) + " overlaps another");
    if (t->bytes.data() > end)
      throw InputError(place + ": there is a hole in the data before tensor " + brief(t->name));
    end = t->bytes.data() + t->bytes.size();
  }
  if (end != data.data() + data.size())
    throw InputError(place + ": has bytes after the last tensor");
}

}  // namespace

uint64_t TensorEntry::element_count() const {
  uint64_t count = 1;
  for (const uint64_t d : shape) count *= d;  // Checked against the bytes when it was read.
  return count;
}

std::string shape_text(std::span<const uint64_t> shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  return text + "]";
}

SafetensorsFile SafetensorsFile::open(const std::filesystem::path& path) {
  SafetensorsFile file;
  file.path_ = path;
  file.mapping_ = std::make_shared<const MappedFile>(path);
  file.parse_header();
  return file;
}

void SafetensorsFile::parse_header() {
  const std::string place = path_.string();
  const auto bytes = mapping_->bytes();
  uint64_t header_size = 0;
  if (bytes.size() < kLengthBytes)
    throw InputError(place + ": is too short to be a safetensors file");
  std::memcpy(&header_size, bytes.data(), kLengthBytes);
  if (header_size > kHeaderBytesMax || header_size > bytes.size() - kLengthBytes)
    throw InputError(place + ": says that its header has " + std::to_string(header_size) +
                     " bytes; it is cut short or not a safetensors file");
  const auto* text = reinterpret_cast<const char*>(bytes.data() + kLengthBytes);
  if (header_size == 0 || text[0] != '{')
    throw InputError(place + ": its header does not begin with {; is it a safetensors file?");
  const auto header = parse_header_json({text, header_size}, place);
  const auto data = bytes.subspan(kLengthBytes + header_size);
  for (const auto& [name, value] : header.items()) {  // In order of name.
    if (name != kMetadataKey) {
      tensors_.push_back(read_entry(name, value, data, place));
      continue;
    }
    if (!value.is_object()) throw InputError(place + ": __metadata__ is not an object");
    for (const auto& [key, text_value] : value.items()) {
      if (!text_value.is_string())
        throw InputError(place + ": __metadata__ has a value that is not a string");
      metadata_[key] = text_value.get<std::string>();
    }
  }
  check_coverage(tensors_, data, place);
}

const TensorEntry* SafetensorsFile::find(std::string_view name) const {
  const auto found =
      std::lower_bound(tensors_.begin(), tensors_.end(), name,
                       [](const TensorEntry& t, std::string_view n) { return t.name < n; });
  return found != tensors_.end() && found->name == name ? &*found : nullptr;
}

void SafetensorsFile::read(const TensorEntry& entry, uint64_t first, std::span<float> out) const {
  const auto what = [&] { return path_.string() + ": tensor " + brief(entry.name); };
  const uint64_t count = entry.element_count();
  THESPIS_ASSERT(first <= count && out.size() <= count - first);
  const auto dtype = dtype_of(entry.dtype);
  if (!dtype)
    throw InputError(what() + " has dtype " + entry.dtype + "; supported: F32, F16, BF16");
  widen(*dtype, entry.bytes.data() + first * dtype_bytes(*dtype), out);
  for (size_t i = 0; i < out.size(); ++i)
    if (!std::isfinite(out[i]))
      throw InputError(what() + " has a value that is not finite, at element " +
                       std::to_string(first + i));
}

}  // namespace thespis::model
