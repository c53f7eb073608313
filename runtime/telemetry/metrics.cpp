#include "runtime/telemetry/metrics.hpp"

#include <span>
#include <string_view>

#include <nlohmann/json.hpp>

namespace thespis::telemetry {
namespace {

using Json = nlohmann::ordered_json;

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

/// Whatever texts hold is shown: bytes that are not UTF-8 are replaced, not refused.
std::string dump(const Json& json, int indent) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace) + '\n';
}

bool is_kept(std::string_view line, uint64_t step) {
  const Json json = Json::parse(line, nullptr, false);
  if (!json.is_object()) return false;
  const auto found = json.find("step");
  return found != json.end() && found->is_number_unsigned() && found->get<uint64_t>() <= step;
}

}  // namespace

MetricsWriter::MetricsWriter(env::FileSystem& files, const std::string& path)
    : MetricsWriter(files.create(path)) {}

MetricsWriter::MetricsWriter(std::unique_ptr<env::File> file) : file_(std::move(file)) {}

MetricsWriter MetricsWriter::resume(env::FileSystem& files, const std::string& path,
                                    uint64_t step) {
  if (!files.exists(path)) return MetricsWriter(files, path);
  const auto bytes = files.read(path, kMetricsBytesMax);
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  std::string kept;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = text.find('\n', begin);
    if (end == text.npos) break;
    if (is_kept(text.substr(begin, end - begin), step)) kept += text.substr(begin, end + 1 - begin);
    begin = end + 1;
  }
  if (kept.size() != text.size()) files.replace(path, bytes_of(kept));
  return MetricsWriter(files.open_to_append(path));
}

void MetricsWriter::write(const Json& line) {
  file_->append(bytes_of(dump(line, -1)));
}

void write_summary(env::FileSystem& files, const std::string& path, const Json& summary) {
  files.replace(path, bytes_of(dump(summary, 2)));
}

}  // namespace thespis::telemetry
