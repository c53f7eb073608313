#pragma once
// What runs in the sandbox: one program, once, under limits; and how that ended. Values only.
//   JB-1  Only what a program does by itself is a result. What the sandbox could not do is
//         kInfrastructure: to be tried elsewhere, never a score.
//   JB-2  The limit is processor time; wall time is a backstop that a busy machine does not reach.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "runtime/sandbox/descriptor.hpp"

namespace thespis::sandbox {

/// Of all processes of one run together, where cgroups can be had; of each process alone otherwise
/// (Sandbox::layers() tells).
struct Limits {
  double cpu_s = 2;
  /// Time in which every process waited for a processor does not count, up to ten times as much.
  double wall_s = 10;
  uint64_t memory_bytes = 256ULL << 20;  ///< Heap, stacks, and files in the working directory.
  uint64_t output_bytes = 1ULL << 20;    ///< Standard output; as much again for errors.
  uint64_t result_bytes = 64ULL << 10;   ///< Descriptor 3.
  uint64_t file_bytes = 16ULL << 20;     ///< The working directory, and any file in it.
  uint32_t processes = 64;               ///< Threads count.

  bool operator==(const Limits&) const = default;
};

/// A program that is ready to run: source to interpret, or a compiled executable. Sandbox::compile
/// makes it; it may run any number of times, also at once.
struct Program {
  std::string language;  ///< A row of the table in language.hpp.
  std::string source;
  Descriptor executable;  ///< A sealed memory file; empty where the source is interpreted.
};
using ProgramRef = std::shared_ptr<const Program>;

/// A file that lies in the working directory when the program starts.
struct File {
  std::string name;  ///< One component, no "/".
  std::string bytes;
};

/// A descriptor of the caller's that the program has too.
struct Inherited {
  int number = 4;  ///< In the program.
  std::shared_ptr<const Descriptor> descriptor;
};
constexpr size_t kInheritedMax = 4;

struct Job {
  ProgramRef program;
  std::vector<std::string> arguments;  ///< After the program's name.
  std::string input;                   ///< Standard input: a sealed file.
  std::vector<File> files;
  Limits limits;
  /// False: a process of its own instead of the zygote's child (languages without zygote have no
  /// other).
  bool zygote = true;
  /// Further descriptors, numbered 4 to 15: pipes between two jobs. At most kInheritedMax.
  std::vector<Inherited> inherited;
};

enum class Ending : uint8_t {
  kExited,  ///< By itself, with Outcome::code.
  kSignal,  ///< Killed by signal Outcome::code: a crash.
  kCpuLimit,
  kWallLimit,
  kMemoryLimit,
  kOutputLimit,    ///< Output, errors or result were longer than allowed.
  kRefusedCall,    ///< A system call that no honest program makes.
  kInfrastructure  ///< Nothing is known about the program; Outcome::detail says why.
};

struct Outcome {
  Ending ending = Ending::kInfrastructure;
  int code = 0;        ///< Exit code or signal number.
  std::string output;  ///< What the program wrote, up to the limit. Hostile bytes.
  std::string errors;
  std::string result;  ///< What it wrote to descriptor 3.
  double cpu_s = 0;
  double wall_s = 0;
  uint64_t memory_peak_bytes = 0;  ///< The largest process alone where there is no cgroup.
  /// Processes that outlived its init and were killed by name: none, while the layer "pid" holds.
  uint32_t survivors = 0;
  std::string detail;  ///< One line for people about kInfrastructure.

  bool exited_with(int exit_code) const { return ending == Ending::kExited && code == exit_code; }
};

/// What became of a source. `program` is null where the compiler refused it (`outcome.errors` has
/// its words, hostile bytes) or broke a limit, and where outcome.ending is kInfrastructure.
struct Compilation {
  ProgramRef program;
  Outcome outcome;
};

/// "exited", "signal", "cpu limit", ... for people and tables.
const char* name_of(Ending ending);

}  // namespace thespis::sandbox
