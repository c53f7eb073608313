#pragma once
// A Landlock rule set for the prepared root: programs and their libraries may be read and run,
// only the working directory written, no TCP at all. By number: Debian 12's headers are older
// than the kernel's interface.

#include <string>

namespace thespis::sandbox {

struct LandlockRules {
  int descriptor = -1;  ///< Of the rule set; -1: `detail` says why.
  std::string detail;   ///< "version 7"
};
/// Of the root that is the process's now.
LandlockRules build_landlock();

/// Of the calling thread, for good; needs no_new_privs. 0 or an errno.
int restrict_by_landlock(int rules);

}  // namespace thespis::sandbox
