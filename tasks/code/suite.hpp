#pragma once
// A set of hostile and honest programs, each with the verdicts that it may get: a folder with an
// index.jsonl, a tests.json and the programs. Shows that nothing gets out of the sandbox, outlives
// its run, or is rewarded without an answer.

#include <filesystem>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "runtime/sandbox/canary.hpp"
#include "runtime/sandbox/sandbox.hpp"
#include "tasks/code/code_task.hpp"

namespace thespis::tasks {

struct SuiteProgram {
  std::string file;
  std::string language;  ///< Of the sandbox's table.
  std::string source;
  std::string kind;  ///< "control" for the honest ones.
  /// AC, WA (wrong), RE (runtime error), TLE (processor time), WALL, MLE (memory), OLE (output),
  /// CE (compile error), SYSCALL (refused).
  std::set<std::string> allowed;
  uint32_t runs = 1;
  double wall_s_max = 0;  ///< 0: the limit alone.
  bool is_function = false;
  std::shared_ptr<const CodeTask> task;

  bool is_honest() const { return kind == "control"; }
};

/// Throws InputError that names the file and what is wrong with it.
std::vector<SuiteProgram> read_suite(const std::filesystem::path& folder);

struct SuiteVerdict {
  const SuiteProgram* program = nullptr;
  std::vector<std::string> words;  ///< Of each run.
  bool allowed = false;            ///< All of them, and nothing of what follows.
  bool escaped = false;
  uint32_t survivors = 0;
  std::string why;  ///< Of what is not allowed; hostile bytes.
  double wall_s = 0, cpu_s = 0;
};

struct SuiteRules {
  bool zygote = true;
  double cpu_s = 1;
  double wall_s = 3;
  uint64_t memory_bytes = 256ULL << 20;
};

/// Runs all of `programs`, several at a time; `each` gets every verdict as it comes.
void run_suite(sandbox::Sandbox& sandbox, sandbox::Canary& canary,
               const std::vector<const SuiteProgram*>& programs, const SuiteRules& rules,
               const std::function<void(const SuiteVerdict&)>& each);

}  // namespace thespis::tasks
