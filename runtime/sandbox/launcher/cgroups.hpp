#pragma once
// The slots' cgroups. Memory, processes and processor time are limited by version 2 where it has
// these controllers, by version 1 where it has them; a version 2 hierarchy without controllers
// still kills whole slots and tells how long they starved.
//   CG-1  Everything is reached by descriptors that were opened before the root was left.
//   CG-2  What was made is removed at the end; what a killed launcher left, by the next one.

#include <sys/types.h>

#include <map>
#include <string>
#include <vector>

#include "runtime/sandbox/descriptor.hpp"
#include "runtime/sandbox/launcher/setup.hpp"

namespace thespis::sandbox {

class Cgroups {
 public:
  ~Cgroups();

  /// Finds and makes what this process may; call before the root is changed. `self`: where the
  /// process's "cgroup" and "mounts" are.
  void open(const std::string& self = "/proc/self");
  /// Whether a controller ("memory", "pids", "cpu") is there, and a word about it for people.
  bool has(const std::string& controller) const;
  std::string detail(const std::string& controller) const;
  bool is_v2() const { return v2_controllers_; }

  /// Makes the group of `slot` if it is not there and opens its files for a keeper. `opened` owns
  /// the descriptors that `setup` names. Returns what failed, or nothing.
  std::string open_slot(uint32_t slot, KeeperSetup& setup, std::vector<Descriptor>& opened);
  /// Returns what failed, or nothing.
  std::string place(uint32_t slot, pid_t process);
  /// Kills all in it, and waits until nobody is left or `patience_ms` passed.
  void kill(uint32_t slot, int patience_ms);

 private:
  struct Hierarchy {
    std::string controllers;  ///< "memory", "cpu,cpuacct"; empty: version 2.
    Descriptor base;          ///< Our own group there; the slots' parent is in it.
    Descriptor top;           ///< The slots' parent.
  };
  void open_first(const std::string& self, const std::map<std::string, std::string>& own);
  void open_second(const std::string& directory);
  bool enable_controllers(Hierarchy& hierarchy);
  const Hierarchy* with(const std::string& controller) const;
  Hierarchy* add(const std::string& directory, const std::string& controllers);

  std::string name_;
  std::vector<Hierarchy> hierarchies_;
  std::map<std::string, std::string> refused_;  ///< Controller: why it cannot be used.
  std::map<uint32_t, bool> slots_;
  bool v2_controllers_ = false;
};

}  // namespace thespis::sandbox
