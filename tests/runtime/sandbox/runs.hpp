#pragma once
// What tests of the sandbox share: one sandbox for a file's tests, runs that wait, processes by
// name.

#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "runtime/base/error.hpp"
#include "runtime/sandbox/sandbox.hpp"

namespace thespis::test {

/// Skips the test, visibly, where this machine cannot wall programs in.
inline std::unique_ptr<sandbox::Sandbox> start_sandbox(sandbox::Options options = {}) {
  if (options.jobs_at_once == 0) options.jobs_at_once = 2;
  try {
    return std::make_unique<sandbox::Sandbox>(std::move(options));
  } catch (const Error& error) {
    SKIP(error.what());
  }
  return nullptr;
}

inline bool holds(const sandbox::Sandbox& box, sandbox::Layer layer) {
  for (const sandbox::LayerReport& report : box.layers())
    if (report.layer == layer) return report.state == sandbox::LayerState::kHolds;
  return false;
}

inline sandbox::Compilation compile(sandbox::Sandbox& box, std::string_view language,
                                    std::string source) {
  sandbox::Compilation result;
  bool done = false;
  REQUIRE(box.compile(language, std::move(source), [&](sandbox::Compilation compilation) {
    result = std::move(compilation);
    done = true;
  }));
  while (!done) box.poll(-1);
  return result;
}

inline sandbox::Outcome run(sandbox::Sandbox& box, sandbox::Job job) {
  sandbox::Outcome result;
  bool done = false;
  REQUIRE(box.run(std::move(job), [&](sandbox::Outcome outcome) {
    result = std::move(outcome);
    done = true;
  }) != 0);
  while (!done) box.poll(-1);
  return result;
}

/// A job of `source`, compiled where its language is.
inline sandbox::Job job_of(sandbox::Sandbox& box, std::string_view language, std::string source) {
  if (!box.can_run(language)) SKIP(std::string(language) + " is not installed");
  sandbox::Job job;
  const sandbox::Compilation compilation = compile(box, language, std::move(source));
  INFO(compilation.outcome.errors << compilation.outcome.detail);
  REQUIRE(compilation.program);
  job.program = compilation.program;
  return job;
}

inline pid_t parent_of(pid_t process) {
  std::ifstream status("/proc/" + std::to_string(process) + "/status");
  for (std::string word; status >> word;)
    if (word == "PPid:") {
      pid_t parent = 0;
      status >> parent;
      return parent;
    }
  return 0;
}

/// Descendants of this process that are called `name`.
inline std::vector<pid_t> processes_named(const std::string& name) {
  std::vector<pid_t> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string number = entry.path().filename();
    if (number.find_first_not_of("0123456789") != number.npos) continue;
    std::string called;
    std::getline(std::ifstream(entry.path() / "comm"), called);
    if (called != name) continue;
    const auto process = static_cast<pid_t>(std::stol(number));
    for (pid_t at = process; at > 1; at = parent_of(at))
      if (at == ::getpid()) {
        found.push_back(process);
        break;
      }
  }
  return found;
}

}  // namespace thespis::test
