#pragma once
// A worker's process: what `thespis node` is, on a simulated node. It joins the head, learns what
// the run is, works, and ends when its links end; whoever watches over it starts it again.

#include <memory>
#include <vector>

#include "actors/training/workers.hpp"
#include "sim/cluster/process.hpp"

namespace thespis::sim {

class WorkerProcess final : public Process {
 public:
  WorkerProcess(World& world, uint32_t node) : Process(world, node) {}
  void start() override;
  /// Its workers say goodbye, then it ends.
  void leave();

 protected:
  void stop() override;
  void release() override;

 private:
  void join();
  void describe(const wire::RunDescription::Reader& run);

  std::shared_ptr<const ParsedRun> run_;
  std::unique_ptr<env::Compute> fetch_compute_;
  std::shared_ptr<WeightReceiver> receiver_;
  std::unique_ptr<Workers> workers_;
  std::vector<Worker> spawned_;
  std::vector<caf::actor> links_;
  caf::actor front_, joiner_;
};

}  // namespace thespis::sim
