#pragma once
// What a machine offers, found by trying rather than by reading names and versions: for
// `thespis doctor`.

#include <string>
#include <vector>

namespace thespis::app {

struct Finding {
  std::string what;       ///< "landlock"
  std::string found;      ///< "ABI 7"
  std::string therefore;  ///< What is on or off because of it.
};

Finding find_processor();
Finding find_memory();
Finding find_shared_memory();
Finding find_cuda_driver();
Finding find_cuda_toolkit();
std::vector<Finding> find_ucx();

/// Starts a sandbox and tries its layers: a second or less.
std::vector<Finding> find_sandbox();

}  // namespace thespis::app
