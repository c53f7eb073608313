#pragma once
// One actor system, one thread of control, one virtual clock: tests of actors wait for nothing.

#include <caf/all.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <chrono>
#include <functional>

#include "runtime/cluster/actor_config.hpp"

namespace thespis::test {

/// An actor made of handlers, for the parts that a test plays itself.
class Scripted : public caf::event_based_actor {
 public:
  using Script = std::function<caf::behavior(Scripted&)>;
  Scripted(caf::actor_config& config, Script script)
      : caf::event_based_actor(config), script_(std::move(script)) {}
  caf::behavior make_behavior() override { return script_(*this); }

 private:
  Script script_;
};

class VirtualSystem {
 public:
  VirtualSystem()
      : config_(cluster::ActorConfig::Scheduling::kDeterministic),
        system_(config_),
        scheduler_(dynamic_cast<caf::scheduler::test_coordinator&>(system_.scheduler())) {}

  ~VirtualSystem() {
    for (const auto& actor : actors_) caf::anon_send_exit(actor, caf::exit_reason::kill);
    scheduler_.run();
    scheduler_.clock().cancel_all();
    actors_.clear();
    scheduler_.run();
  }

  /// Spawns and remembers, so that nothing is alive when the system ends.
  template <class Actor, class... Arguments>
  caf::actor spawn(Arguments&&... arguments) {
    auto actor = system_.spawn<Actor>(std::forward<Arguments>(arguments)...);
    actors_.push_back(actor);
    return actor;
  }
  caf::actor script(Scripted::Script script) { return spawn<Scripted>(std::move(script)); }

  /// Until nobody has anything to do, without time passing.
  void run() { scheduler_.run(); }
  /// Lets virtual time pass, event by event.
  void pass(std::chrono::nanoseconds time) {
    run();
    const auto end = scheduler_.clock().current_time + time;
    while (scheduler_.has_pending_timeout() &&
           scheduler_.clock().schedule().begin()->first <= end) {
      scheduler_.trigger_timeout();
      run();
    }
    if (scheduler_.clock().current_time < end)
      scheduler_.advance_time(end - scheduler_.clock().current_time);
  }
  caf::actor_system& system() { return system_; }

 private:
  cluster::ActorConfig config_;
  caf::actor_system system_;
  caf::scheduler::test_coordinator& scheduler_;
  std::vector<caf::actor> actors_;
};

}  // namespace thespis::test
