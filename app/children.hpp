#pragma once
// Node processes of this host that a training starts for itself (`train --processes N`). One that
// dies is replaced, a limited number of times; all of them end with this process.

#include <sys/types.h>

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "actors/training/workers.hpp"

namespace thespis::app {

class Children {
 public:
  struct Options {
    std::string program;  ///< Executable of this program.
    std::string address;  ///< Where they join.
    std::string secret_file;
    std::string directory;  ///< Of the run: their output goes to nodes/N.log there.
    std::function<void(const std::string&)> note;  ///< Called from a thread of this object.
    uint32_t restarts_max = 20;  ///< In all: more means that something is wrong for good.
  };
  Children(Options options, const std::vector<Roles>& nodes);
  ~Children();  ///< Asks them to leave, then waits for them.

 private:
  struct Child {
    Roles roles;
    pid_t pid = -1;
    size_t index = 0;
  };
  void start(Child& child);
  void watch();

  Options options_;
  std::vector<Child> children_;
  std::mutex mutex_;  // children_ and restarts_.
  uint32_t restarts_ = 0;
  std::atomic<bool> stopping_{false};
  std::thread watcher_;
};

/// What each of `processes` - 1 node processes does: samplers, rewards and, with `reference`, a
/// reference apart from each other where the number allows it.
std::vector<Roles> split_roles(uint32_t processes, const config::Recipe& recipe,
                               const std::string& reward_role);

}  // namespace thespis::app
