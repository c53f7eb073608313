#include "runtime/telemetry/log.hpp"

#include <spdlog/sinks/basic_file_sink.h>

#include "runtime/base/error.hpp"

namespace thespis::telemetry {
namespace {

constexpr const char* kPattern = "%Y-%m-%dT%H:%M:%S.%e %l [%n] %v";

std::shared_ptr<spdlog::logger> configured(std::shared_ptr<spdlog::logger> log) {
  log->set_level(spdlog::level::debug);
  log->flush_on(spdlog::level::info);
  return log;
}

}  // namespace

std::shared_ptr<spdlog::logger> open_log(const std::string& path, const std::string& who) {
  try {
    const auto sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(path);
    sink->set_pattern(kPattern);
    return configured(std::make_shared<spdlog::logger>(who, sink));
  } catch (const spdlog::spdlog_ex& error) {
    throw Error(path + ": the log cannot be opened: " + error.what());
  }
}

}  // namespace thespis::telemetry
