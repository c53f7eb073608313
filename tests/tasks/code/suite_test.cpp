// Goal: the hostile set notices a wall that is not there; the whole wall lets nothing through.
// Method: layers are left out, one or several at a time, and the programs that are after what was
// behind them are run; a set that still found nothing would prove nothing.

#include "tasks/code/suite.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "runtime/base/error.hpp"
#include "tasks/code/harness.hpp"

using namespace thespis;
using namespace thespis::tasks;
using sandbox::Layer;

namespace {

const std::filesystem::path kFolder = THESPIS_SOURCE_DIR "/../shared/hostile";

/// Ours, for layers that the large set does not need.
const std::filesystem::path kOwnFolder = THESPIS_SOURCE_DIR "/tests/tasks/code/hostile";

std::vector<SuiteProgram> programs(const std::filesystem::path& folder = kFolder) {
  if (!std::filesystem::exists(folder)) SKIP("the hostile set is not beside this checkout");
  return read_suite(folder);
}

std::unique_ptr<sandbox::Sandbox> start(std::initializer_list<Layer> without) {
  sandbox::Options options;
  options.jobs_at_once = 2;
  for (const Layer layer : without) options.without.add(layer);
  options.allow_weaker = without.size() > 0;
  if (without.size() == 0) options.python_modules = harness_modules();
  try {
    auto made = std::make_unique<sandbox::Sandbox>(std::move(options));
    for (const sandbox::LayerReport& report : made->layers())
      if (report.state != sandbox::LayerState::kHolds && report.detail != "left out" &&
          sandbox::is_needed(report.layer))
        SKIP(name_of(report.layer) << ": " << report.detail);
    return made;
  } catch (const Error& error) {
    SKIP(error.what());
  }
  return nullptr;
}

using Files = std::vector<std::string>;

/// Of `files`, just `wanted` get a verdict that is not allowed. (A skip inside CHECK's own
/// expression would count as a failure.)
void check_failing(std::initializer_list<Layer> without, const Files& files, bool zygote,
                   const Files& wanted, const std::filesystem::path& folder = kFolder) {
  const auto all = programs(folder);
  const auto box = start(without);
  sandbox::Canary canary;
  std::vector<const SuiteProgram*> chosen;
  for (const SuiteProgram& program : all)
    if (std::ranges::find(files, program.file) != files.end()) chosen.push_back(&program);
  REQUIRE(chosen.size() == files.size());
  SuiteRules rules;
  rules.zygote = zygote;
  rules.cpu_s = 0.5;
  rules.wall_s = 2;
  Files found;
  run_suite(*box, canary, chosen, rules, [&](const SuiteVerdict& verdict) {
    INFO(verdict.program->file << ": " << verdict.why);
    if (!verdict.allowed) found.push_back(verdict.program->file);
  });
  std::ranges::sort(found);
  CHECK(found == wanted);
}

/// What tmp_leak.py leaves on the host where no root of its own keeps it from it.
struct LeakedFiles {
  LeakedFiles() { remove(); }
  ~LeakedFiles() { remove(); }
  static void remove() {
    for (const char* folder : {"/tmp", "/dev/shm", "/var/tmp", "/run"})
      std::filesystem::remove(std::filesystem::path(folder) / "leak47");
  }
};

}  // namespace

TEST_CASE("suite: no hostile program gets through, no honest one is refused", "[tasks][code]") {
  // All of it takes minutes on a busy machine: THESPIS_SUITE=all, or `thespis judge --suite`.
  const char* const wanted = std::getenv("THESPIS_SUITE");
  const bool whole = wanted != nullptr && std::string(wanted) == "all";
  const bool zygote = GENERATE(true, false);
  Files files;
  size_t number = 0;
  for (const SuiteProgram& program : programs()) {
    if (zygote && program.language != "python") continue;
    // Of the grader's hacks, which are many and alike, every third; of those that run into a limit
    // of time, one of each kind.
    const bool slow = program.allowed.contains("TLE") || program.allowed.contains("WALL");
    const bool chosen = program.is_honest() || (program.kind == "hack" && number++ % 3 == 0) ||
                        (program.kind == "escape" && !slow) || program.file == "fork_bomb.py" ||
                        program.file == "ignore_signals.py" || program.file == "mem_bomb.py";
    if (whole || (chosen && program.language != "cpp")) files.push_back(program.file);
  }
  check_failing({}, files, zygote, Files{});
}

TEST_CASE("suite: what it notices without seccomp", "[tasks][code]") {
  check_failing({Layer::kSeccomp}, {"ptrace_parent.c", "read_secrets.py"}, false,
                Files{"ptrace_parent.c"});
}

TEST_CASE("suite: what it notices without a process namespace", "[tasks][code]") {
  check_failing({Layer::kPid}, {"daemon_double_fork.py", "read_secrets.py"}, false,
                Files{"daemon_double_fork.py"});
}

TEST_CASE("suite: what it notices without seccomp and ipc namespace", "[tasks][code]") {
  check_failing({Layer::kSeccomp}, {"sysv_leak.c"}, false, Files{});
  check_failing({Layer::kSeccomp, Layer::kIpc}, {"sysv_leak.c"}, false, Files{"sysv_leak.c"});
}

TEST_CASE("suite: what it notices without seccomp, network namespace and Landlock",
          "[tasks][code]") {
  check_failing({Layer::kSeccomp, Layer::kLandlock}, {"net_connect.py"}, false, Files{});
  check_failing({Layer::kSeccomp, Layer::kLandlock, Layer::kNetwork}, {"net_connect.py"}, false,
                Files{"net_connect.py"});
}

TEST_CASE("suite: what it notices without a root of its own and Landlock", "[tasks][code]") {
  const LeakedFiles none_before_nor_after;
  check_failing({Layer::kMount, Layer::kLandlock}, {"read_secrets.py", "tmp_leak.py"}, false,
                Files{"read_secrets.py", "tmp_leak.py"});
}

TEST_CASE("suite: what it notices without limits", "[tasks][code]") {
  check_failing({Layer::kMemory}, {"memfd_fill.c"}, false, Files{});  // No memfd: seccomp.
  check_failing({Layer::kRlimits}, {"huge_file.py"}, false, Files{"huge_file.py"});
}

TEST_CASE("suite: what it notices without limits for all processes together", "[tasks][code]") {
  const auto check = [](std::initializer_list<Layer> without, const Files& files,
                        const Files& wanted) {
    check_failing(without, files, false, wanted, kOwnFolder);
  };
  const auto whole = start({});
  for (const sandbox::LayerReport& report : whole->layers())
    if (report.state != sandbox::LayerState::kHolds)
      SKIP(name_of(report.layer) << ": " << report.detail);
  check({}, {"many_processes.c", "memory_of_many.c", "name_of_host.py", "time_of_many.py"}, {});
  check({Layer::kMemory}, {"memory_of_many.c"}, {"memory_of_many.c"});
  check({Layer::kCpu}, {"time_of_many.py"}, {"time_of_many.py"});
  // Without this one alone a limit of each user's processes is left.
  check({Layer::kProcesses}, {"many_processes.c"}, {});
  check({Layer::kProcesses, Layer::kRlimits}, {"many_processes.c"}, {"many_processes.c"});
  check({Layer::kUts}, {"name_of_host.py"}, {"name_of_host.py"});
}
