#pragma once
// A training, wired: the one place where conductor, learner, pools, workers, checkpointer,
// evaluator and recorder meet. Owns everything that they borrow, and ends it in the right order.

#include <memory>
#include <optional>
#include <string>

#include "actors/checkpointer/checkpointer_actor.hpp"
#include "actors/learner/learner_actor.hpp"
#include "app/run_inputs.hpp"
#include "app/workers.hpp"
#include "runtime/cluster/actor_config.hpp"
#include "runtime/cluster/cluster.hpp"
#include "runtime/telemetry/progress.hpp"

namespace thespis::app {

struct TrainingOptions {
  std::string directory;
  bool resume = false;
  Roles local;           ///< Workers of this process.
  bool listens = false;  ///< Whether other nodes may join.
  std::string secret;    ///< Only if it listens.
};

class Training {
 public:
  /// Loads a checkpoint where the run is resumed; spawns everything; nothing runs yet.
  Training(RunInputs inputs, TrainingOptions options, telemetry::Progress& progress);
  ~Training();
  Training(const Training&) = delete;
  Training& operator=(const Training&) = delete;

  std::string address() const;  ///< Where nodes join; empty: nowhere.
  /// Runs to the end. Throws Error with the first cause where it failed. Writes model/ and
  /// summary.json.
  void run();
  /// The summary of run(), as JSON.
  const std::string& summary() const { return summary_; }

 private:
  void spawn(telemetry::Progress& progress);
  void shut_down();
  void restore(telemetry::Progress& progress);
  void spawn_pools();
  void spawn_cluster();
  void spawn_actors(telemetry::Progress& progress);
  void add_workers();
  void write_results(const std::string& summary);
  caf::actor pool_of(const std::string& role) const;

  RunInputs inputs_;
  TrainingOptions options_;
  env::RealClock clock_;
  env::RealFileSystem files_;
  uint64_t run_id_ = 0;
  std::shared_ptr<store::CheckpointStore> store_;
  std::optional<RestoredTraining> restored_;
  std::shared_ptr<Ledger> ledger_;
  std::shared_ptr<cluster::WeightPublisher> publisher_;
  gpu::ThreadPool threads_;
  cluster::ActorConfig actor_config_;
  std::shared_ptr<learner::Learner> learner_;
  std::shared_ptr<EpisodeContext> context_;
  wire::Registry registry_;
  std::unique_ptr<caf::actor_system> system_;
  std::unique_ptr<env::ComputeThread> learner_compute_, io_;
  std::unique_ptr<Workers> workers_;
  std::unique_ptr<cluster::Cluster> cluster_;
  std::unique_ptr<caf::scoped_actor> waiter_;
  caf::actor samplers_, rewards_, references_;
  caf::actor learner_actor_, checkpointer_, evaluator_, recorder_, conductor_, front_;
  std::vector<Worker> local_;
  caf::actor evaluation_sampler_;
  std::string summary_;
};

}  // namespace thespis::app
