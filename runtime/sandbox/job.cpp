#include "runtime/sandbox/job.hpp"

namespace thespis::sandbox {

const char* name_of(Ending ending) {
  switch (ending) {
    case Ending::kExited:
      return "exited";
    case Ending::kSignal:
      return "signal";
    case Ending::kCpuLimit:
      return "cpu limit";
    case Ending::kWallLimit:
      return "wall limit";
    case Ending::kMemoryLimit:
      return "memory limit";
    case Ending::kOutputLimit:
      return "output limit";
    case Ending::kRefusedCall:
      return "refused call";
    case Ending::kInfrastructure:
      break;
  }
  return "infrastructure";
}

}  // namespace thespis::sandbox
