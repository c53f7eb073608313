#pragma once
// Draws the scenario's faults from the seed and lets them strike.

#include <cstdint>
#include <vector>

#include "runtime/env/random.hpp"
#include "sim/cluster/world.hpp"

namespace thespis::sim {

class Injector {
 public:
  explicit Injector(World& world);
  /// Schedules the first fault of each kind.
  void start();

 private:
  struct Source {
    const Fault& fault;
    std::vector<uint32_t> nodes, peers;
    env::KeyedRandom random;
  };
  void schedule(size_t source, Nanoseconds after);
  void strike(Source& source);
  void strike_node(const Fault& fault, uint32_t node, uint32_t peer, Nanoseconds until,
                   env::KeyedRandom& random);
  void flap(uint32_t node, uint32_t peer, Nanoseconds until);
  void damage_checkpoint(bool truncate, env::KeyedRandom& random);
  std::vector<uint32_t> matching(const std::string& name) const;

  World& world_;
  std::vector<Source> sources_;
};

}  // namespace thespis::sim
