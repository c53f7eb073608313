#pragma once
// The launcher seen from the host: a process of its own, started from bytes inside this program,
// asked and answered one call at a time.

#include <sys/types.h>

#include <string>

#include "runtime/sandbox/channel.hpp"
#include "runtime/sandbox/protocol.hpp"

namespace thespis::sandbox {

class LauncherProcess {
 public:
  /// Throws Error where no process can be started.
  explicit LauncherProcess(Layers without);
  /// Ends it and all that it started.
  ~LauncherProcess();
  LauncherProcess(const LauncherProcess&) = delete;
  LauncherProcess& operator=(const LauncherProcess&) = delete;

  /// Blocks; LauncherReply::error says so where the launcher died.
  LauncherReply call(const LauncherRequest& request, int attached = -1);
  /// True once a call found it dead.
  bool lost() const { return lost_; }
  pid_t pid() const { return pid_; }

 private:
  Descriptor control_;
  pid_t pid_ = -1;
  bool lost_ = false;
};

}  // namespace thespis::sandbox
