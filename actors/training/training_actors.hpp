#pragma once
// A training, wired: the one place where conductor, learner, pools, workers, checkpointer,
// evaluator, recorder and front desk meet. The program runs it on a real host, the simulator on its
// own.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actors/checkpointer/checkpointer_actor.hpp"
#include "actors/learner/learner_actor.hpp"
#include "actors/recorder/recorder_actor.hpp"
#include "actors/training/host.hpp"
#include "actors/training/run_inputs.hpp"
#include "actors/training/workers.hpp"
#include "runtime/collective/cluster_group.hpp"
#include "runtime/telemetry/progress.hpp"

namespace thespis {

struct TrainingSetup {
  std::string directory;
  bool resume = false;
  uint64_t run_id = 0;  ///< Of a fresh run; a resumed one keeps its own.
  uint64_t life = 0;    ///< Of these actors, never used before: what earlier ones said is ignored.
  Roles local;          ///< Workers of this process.
  RewardOptions rewards;
  /// How workers of other processes get weights; called with the run's id. None: none may join.
  std::function<std::shared_ptr<cluster::WeightSink>(uint64_t run_id)> make_publisher;
  std::function<void(const std::string&)> log;  ///< Of alarms.
  caf::actor ended;                             ///< Gets (RunEnded, the summary as JSON).
  /// Puts an actor between the conductor and the recorder that reads along. None: nobody does.
  std::function<caf::actor(const caf::actor& recorder)> watch;
};

class TrainingActors {
 public:
  /// Loads a checkpoint where the run is resumed; spawns everything; nothing runs yet. InputError
  /// where there is none to resume from. `progress` and the host outlive this.
  TrainingActors(RunInputs inputs, TrainingSetup setup, const Host& host,
                 telemetry::Progress& progress);
  TrainingActors(const TrainingActors&) = delete;
  TrainingActors& operator=(const TrainingActors&) = delete;

  /// Adds the local workers and begins.
  void start();
  /// Tells all actors to end, and nodes whether the run begins again. They have ended before this
  /// object goes: jobs under way on the compute seam hold them.
  void stop(bool begins_again = false);

  const RunInputs& inputs() const { return inputs_; }
  const learner::Learner& learner() const { return *learner_; }
  const caf::actor& conductor() const { return conductor_; }
  const caf::actor& recorder() const { return recorder_; }
  const caf::actor& front() const { return front_; }  ///< None where nobody may join.
  const caf::actor& pool_of(const std::string& role) const;

 private:
  void restore(telemetry::Progress& progress);
  TrainerRanks make_ranks();
  void spawn_pools();
  void spawn_learner();
  void spawn_keepers(telemetry::Progress& progress);
  void spawn_conductor();
  void spawn_front();

  const RunInputs inputs_;
  const TrainingSetup setup_;
  const Host host_;
  uint64_t run_id_;
  std::shared_ptr<store::CheckpointStore> store_;
  std::optional<RestoredTraining> restored_;
  std::shared_ptr<Ledger> ledger_;
  std::shared_ptr<learner::Learner> learner_;
  std::shared_ptr<EpisodeContext> context_;
  // Of the ranks in this process, where others are nodes.
  std::vector<std::unique_ptr<collective::ClusterGroup>> groups_;
  std::unique_ptr<env::Compute> learner_compute_, io_;
  std::unique_ptr<Workers> workers_;
  caf::actor samplers_, rewards_, references_;
  caf::actor learner_actor_, checkpointer_, evaluator_, recorder_, conductor_, front_;
  std::vector<Worker> local_;
  caf::actor evaluation_sampler_;
};

}  // namespace thespis
