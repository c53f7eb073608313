// What walls in a program that a model wrote: the sandbox's own self-test.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "app/machine.hpp"
#include "runtime/base/error.hpp"
#include "runtime/sandbox/language.hpp"
#include "runtime/sandbox/sandbox.hpp"

namespace thespis::app {
namespace {

using sandbox::Layer;
using sandbox::LayerReport;
using sandbox::LayerState;

Finding summary(const sandbox::Sandbox& sandbox) {
  std::vector<std::string> hold, lacking, runs;
  bool enough = true;
  for (const LayerReport& report : sandbox.layers()) {
    const bool holds = report.state == LayerState::kHolds;
    (holds ? hold : lacking).emplace_back(name_of(report.layer));
    enough &= holds || !is_needed(report.layer);
  }
  for (const sandbox::Language& language : sandbox::languages())
    if (sandbox.can_run(language.name)) runs.push_back(language.name);
  const std::string names = fmt::format("{} hold", fmt::join(hold, ", "));
  return {"sandbox",
          lacking.empty() ? names : fmt::format("{}; not: {}", names, fmt::join(lacking, ", ")),
          enough ? fmt::format("programs are run in {}", fmt::join(runs, ", "))
                 : "programs are run only with sandbox.allow_weaker = true"};
}

std::string consequence(const LayerReport& report) {
  if (is_needed(report.layer)) return "without it programs are not run";
  switch (report.layer) {
    case Layer::kMemory:
      return "the memory of each process alone is limited (rlimits)";
    case Layer::kProcesses:
      return "processes are counted by user (rlimits)";
    case Layer::kCpu:
      return "the processor time of each process alone is limited, and wall time";
    case Layer::kLandlock:
      return "files are guarded by the prepared root alone";
    default:
      return "other layers cover it";
  }
}

}  // namespace

std::vector<Finding> find_sandbox() {
  try {
    sandbox::Options options;
    options.jobs_at_once = 1;
    options.allow_weaker = true;
    const sandbox::Sandbox sandbox(std::move(options));
    std::vector<Finding> findings = {summary(sandbox)};
    for (const LayerReport& report : sandbox.layers()) {
      const std::string what = fmt::format("  {}", name_of(report.layer));
      if (report.state == LayerState::kMissing)
        findings.push_back({what, "missing: " + report.detail, consequence(report)});
      if (report.state == LayerState::kBroken)
        findings.push_back({what, "does not hold: " + report.detail, consequence(report)});
      if (report.state == LayerState::kHolds && report.layer == Layer::kMemory)
        findings.push_back({what, report.detail, "memory is limited for all processes together"});
      if (report.state == LayerState::kHolds && report.layer == Layer::kLandlock)
        findings.push_back({what, report.detail, "a second guard of files, and of TCP"});
    }
    return findings;
  } catch (const Error& error) {
    return {{"sandbox", error.what(), "programs that a model wrote cannot be run"}};
  }
}

}  // namespace thespis::app
