#pragma once
// Runs chosen actors on the network thread; whomever they wake in turn goes to CAF's scheduler
// unless chosen too.

#include <caf/actor.hpp>
#include <caf/execution_unit.hpp>
#include <caf/resumable.hpp>

#include <deque>
#include <vector>

namespace thespis::cluster {

class NetworkUnit final : public caf::execution_unit {
 public:
  explicit NetworkUnit(caf::actor_system& system);
  ~NetworkUnit() override;

  /// The actor is kept alive until clear().
  void choose(const caf::actor& actor);
  void clear();
  /// `this` for a chosen actor, nullptr for the others: what to pass to enqueue().
  caf::execution_unit* context_for(const caf::abstract_actor* actor);
  void exec_later(caf::resumable* job) override;
  bool idle() const { return jobs_.empty(); }
  /// Runs each waiting actor once.
  void run();

 private:
  struct Chosen {
    caf::actor handle;
    const caf::abstract_actor* actor;
    caf::resumable* job;
  };
  std::vector<Chosen> chosen_;
  std::deque<caf::resumable*> jobs_;  // Each holds a reference.
};

}  // namespace thespis::cluster
