#pragma once
// The log file of a run. There is no global logger: who writes is given one.

#include <memory>
#include <string>

#include <spdlog/logger.h>

namespace thespis::telemetry {

/// Appends to `path`, a line an event, as "2026-11-24T14:03:25.123 info [conductor] ...". Every
/// line from level info upwards is flushed at once. Any number of threads may write. Throws Error.
std::shared_ptr<spdlog::logger> open_log(const std::string& path, const std::string& who);

}  // namespace thespis::telemetry
