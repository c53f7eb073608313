#include "tasks/code/code_report.hpp"

#include <fmt/format.h>

#include "runtime/base/assert.hpp"

namespace thespis::tasks {

std::string_view name(CodeVerdict verdict) {
  switch (verdict) {
    case CodeVerdict::kPassed:
      return "passed";
    case CodeVerdict::kWrong:
      return "wrong";
    case CodeVerdict::kRuntimeError:
      return "runtime error";
    case CodeVerdict::kTime:
      return "time";
    case CodeVerdict::kMemory:
      return "memory";
    case CodeVerdict::kOutput:
      return "output";
    case CodeVerdict::kCompileError:
      return "compile error";
    case CodeVerdict::kRefused:
      return "refused";
    case CodeVerdict::kInfrastructure:
      return "infrastructure";
  }
  THESPIS_ASSERT(false);
}

std::string behaviour_of(const CodeReport& report) {
  for (size_t i = 0; i < report.reports.size(); ++i) {
    const TestReport& test = report.reports[i];
    if (test.verdict == CodeVerdict::kPassed) continue;
    // What else a detail says differs from run to run: seconds, addresses.
    const bool told = test.verdict == CodeVerdict::kWrong;
    return fmt::format("test {}: {}", i + 1, told ? test.detail : std::string(name(test.verdict)));
  }
  return report.reports.empty() ? std::string() : std::string(name(CodeVerdict::kPassed));
}

}  // namespace thespis::tasks
