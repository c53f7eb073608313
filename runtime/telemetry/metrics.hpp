#pragma once
// What a run leaves for people and programs to read: metrics.jsonl, one object a line in order of
// steps, and summary.json, written at the end.

#include <memory>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "runtime/env/file_system.hpp"

namespace thespis::telemetry {

inline constexpr uint64_t kMetricsBytesMax = uint64_t{1} << 30;

/// Appends lines; each is handed to the operating system before write() returns, none is synced.
class MetricsWriter {
 public:
  /// A new file; one that exists is emptied. Throws FileError.
  MetricsWriter(env::FileSystem& files, const std::string& path);

  /// Goes on behind the lines of a run that is resumed at `step`: lines whose "step" is larger,
  /// which the resumed run will write again, and a torn last line are taken out first. Throws
  /// FileError.
  static MetricsWriter resume(env::FileSystem& files, const std::string& path, uint64_t step);

  /// One object as one line. Numbers that are not finite become null. Throws FileError, DiskFull.
  void write(const nlohmann::ordered_json& line);

 private:
  explicit MetricsWriter(std::unique_ptr<env::File> file);
  std::unique_ptr<env::File> file_;
};

/// Indented JSON that replaces `path` atomically. Throws FileError, DiskFull.
void write_summary(env::FileSystem& files, const std::string& path,
                   const nlohmann::ordered_json& summary);

}  // namespace thespis::telemetry
