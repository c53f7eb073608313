#pragma once
// The inside of one job: its init, which is process 1 of its namespaces, and the job itself.
//   BX-1  The init runs in the keeper's memory (a clone with CLONE_VM costs no page tables), so
//         it allocates nothing and leaves errno alone once the job was forked.
//   BX-2  When the init is gone, so is every process of the job: the kernel sees to it.

#include <sys/types.h>

#include <array>
#include <cstdint>

#include "runtime/sandbox/launcher/setup.hpp"
#include "runtime/sandbox/protocol.hpp"

namespace thespis::sandbox {

/// Says what the init and the job tell the keeper, one packet each.
struct Report {
  enum class Kind : uint32_t { kStarted, kFailed, kEnded };
  Kind kind = Kind::kStarted;
  int32_t error = 0;   ///< kFailed: an errno; kEnded: that of the file that was asked for.
  char step[24] = {};  ///< kFailed: what was tried.
  int32_t status = 0;  ///< kEnded: as wait() has it; the file, if any, comes with it.
};

/// One job as the keeper prepares it: everything is there before the clone.
struct Box {
  const KeeperSetup* setup = nullptr;
  Layers layers;
  const RunRequest* request = nullptr;
  const char* const* argv = nullptr;
  const char* const* environment = nullptr;
  const char* directory = nullptr;  ///< To work in, where there is no root of its own.
  int input = -1, output = -1, errors = -1, result = -1;
  int executable = -1;
  int report = -1;            ///< The init's end.
  char* job_stack = nullptr;  ///< The top of it, for a job that is executed.
  std::array<int, kInheritedMax> inherited{};
  /// kZygote, kProbe: the program; never returns.
  void (*program)(const Box&) = nullptr;
};

/// For clone(): `box` points to a Box.
int init_main(void* box);

}  // namespace thespis::sandbox
