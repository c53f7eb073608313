#pragma once
// The head: the process that `thespis train` is, on a simulated node. The very wiring of the
// program (actors/training), with checkers that read along.

#include <memory>

#include "actors/training/training_actors.hpp"
#include "sim/cluster/process.hpp"

namespace thespis::sim {

class HeadProcess final : public Process {
 public:
  explicit HeadProcess(World& world) : Process(world, 0) {}
  void start() override;
  caf::actor front() const override { return training_ ? training_->front() : caf::actor{}; }

  static constexpr const char* kDirectory = "run";

 protected:
  void stop() override;
  void release() override;

 private:
  TrainingSetup setup(bool resume);

  std::unique_ptr<telemetry::Progress> progress_;
  std::unique_ptr<TrainingActors> training_;
  caf::actor waiter_, watcher_;
};

}  // namespace thespis::sim
