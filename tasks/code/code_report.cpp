#include "tasks/code/code_report.hpp"

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

}  // namespace thespis::tasks
