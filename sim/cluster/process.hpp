#pragma once
// One process of a simulated node: an actor system of its own under CAF's test scheduler, a clock,
// compute seams and connections, all in virtual time.
//   PR-1  Every actor of it runs in run() only, one message at a time, in an order that the seed
//         chooses.
//   PR-2  After die() nothing that its actors do is seen: its network, disk and computing are cut.

#include <caf/all.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "actors/training/host.hpp"
#include "runtime/cluster/actor_config.hpp"
#include "runtime/cluster/network_unit.hpp"
#include "runtime/cluster/outbox.hpp"
#include "runtime/cluster/session.hpp"
#include "runtime/env/random.hpp"
#include "sim/cluster/world.hpp"
#include "sim/disk/sim_disk.hpp"
#include "sim/engine/sim_engine.hpp"

namespace thespis::sim {

class SimCompute;

class Process {
 public:
  Process(World& world, uint32_t node);
  virtual ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  virtual void start() = 0;
  /// Runs `step`, then all actors until none has anything to do, without time passing.
  void run(const std::function<void()>& step);
  void die() { dying_ = true; }
  bool is_dying() const { return dying_; }
  /// After die(): ends all actors and what they stand on.
  void end();

  World& world() { return world_; }
  uint32_t node() const { return node_; }
  uint64_t life() const { return life_; }
  caf::actor_system& system() { return *system_; }
  const cluster::Session::Shared& sessions() const { return *sessions_; }
  Host host();
  Nanoseconds local_now() const;
  /// What a peer that joins may talk to; none: nobody may join.
  virtual caf::actor front() const { return {}; }

 protected:
  /// Tells the actors that it spawned to end.
  virtual void stop() = 0;
  /// Drops all that refers to actors, which have ended.
  virtual void release() = 0;

  World& world_;
  const uint32_t node_;
  const uint64_t life_;

 private:
  class LocalClock;
  void drain();
  void arm_timer();
  void fire_timers();
  Nanoseconds global_of(Nanoseconds local) const;

  cluster::ActorConfig config_;
  std::unique_ptr<caf::actor_system> system_;
  caf::scheduler::test_coordinator* scheduler_;
  std::shared_ptr<cluster::Outbox> outbox_;
  std::unique_ptr<cluster::NetworkUnit> unit_;
  std::unique_ptr<cluster::Session::Shared> sessions_;
  std::unique_ptr<LocalClock> clock_;
  std::unique_ptr<SimDisk> files_;
  std::unique_ptr<SimEngine> engine_;
  env::KeyedRandom order_;
  bool dying_ = false;
  Nanoseconds armed_at_;  // When the next timer event of ours is due; the largest: none.
  Nanoseconds drift_begin_{0}, drifted_{0};
};

}  // namespace thespis::sim
