#pragma once
// The compute seam in virtual time: work is computed in one instant, and its end is told when the
// time that it takes has passed.

#include <deque>
#include <memory>
#include <string>

#include "runtime/env/compute.hpp"
#include "sim/cluster/world.hpp"

namespace thespis::sim {

class SimCompute final : public env::Compute {
 public:
  SimCompute(World& world, uint32_t node, std::string name);
  void post(std::function<void()> work, std::function<void()> done) override;

 private:
  struct Job {
    std::function<void()> work, done;
  };
  struct State {
    World& world;
    uint32_t node;
    uint64_t life;
    std::string name;
    bool is_engine;        // Computes; the others wait for a disk or a network.
    std::deque<Job> jobs;  // Bounded by the actors, as those of a real one.
    bool busy = false;
  };
  static void begin(const std::shared_ptr<State>& state);
  static void compute(const std::weak_ptr<State>& weak);
  static void finish(const std::weak_ptr<State>& weak, const Job& job, Nanoseconds begun);

  std::shared_ptr<State> state_;  // Events refer to it weakly: they may outlive the process.
};

}  // namespace thespis::sim
