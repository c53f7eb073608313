#pragma once
// What came of judging a program, in one of nine words.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace thespis::tasks {

enum class CodeVerdict : uint8_t {
  kPassed,
  kWrong,         ///< It ran, and what came out is not what was asked for; or there is no program.
  kRuntimeError,  ///< An exception, a crash, or an exit code other than 0.
  kTime,
  kMemory,
  kOutput,  ///< More of it than is allowed.
  kCompileError,
  kRefused,         ///< It asked the system for what no honest program asks.
  kInfrastructure,  ///< Nothing is known of the program: never a score.
};

/// "passed", "wrong", "runtime error", "time", "memory", "output", "compile error", "refused",
/// "infrastructure".
std::string_view name(CodeVerdict verdict);

struct TestReport {
  CodeVerdict verdict = CodeVerdict::kInfrastructure;
  std::string detail;  ///< Why it did not pass. Hostile bytes may be in it: see escape.hpp.
  double cpu_s = 0, wall_s = 0;
};

struct CodeReport {
  CodeVerdict verdict = CodeVerdict::kInfrastructure;
  double credit = 0;   ///< From 0 to 1; 0 with kInfrastructure, where it means nothing.
  std::string detail;  ///< Of the first test that did not pass. Hostile bytes, as above.
  uint64_t tests = 0, passed = 0;
  /// Those that were run, in order; after a failure others may be missing.
  std::vector<TestReport> reports;
  double cpu_s = 0;  ///< Of all runs together.
};

/// What stands for a program in a majority vote: what it did in its tests, up to the first that it
/// did not pass. Programs that gave the same have the same; empty where none ran.
std::string behaviour_of(const CodeReport& report);

}  // namespace thespis::tasks
