#pragma once
// Stands between conductor and recorder and tells the checkers what passes; asks the pools how much
// they hold after each step.

#include <optional>
#include <string>
#include <vector>

#include "actors/base/messages.hpp"
#include "sim/cluster/world.hpp"

namespace thespis::sim {

class WatcherActor : public caf::event_based_actor {
 public:
  WatcherActor(caf::actor_config& config, World& world, uint64_t life, caf::actor recorder);
  const char* name() const override { return "watcher"; }

 protected:
  caf::behavior make_behavior() override;

 private:
  /// Whether the process lives: what a dead one's actors still say is not seen.
  bool alive() const;
  void on_batch(const Batch& batch);
  void ask_pools();
  std::optional<uint64_t> capacity_of(const std::string& role) const;

  World& world_;
  const uint64_t life_;
  caf::actor recorder_;
  struct Pool {
    caf::actor handle;
    std::string role;
  };
  std::vector<Pool> pools_;
};

}  // namespace thespis::sim
