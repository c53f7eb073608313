#pragma once
// A training on this host: the actor system, the threads and the cluster that its actors stand on,
// and what is left of it in its directory. Ends everything in the right order.

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "actors/training/training_actors.hpp"
#include "runtime/cluster/actor_config.hpp"
#include "runtime/cluster/cluster.hpp"

namespace thespis::app {

struct TrainingOptions {
  std::string directory;
  bool resume = false;
  Roles local;                                  ///< Workers of this process.
  bool listens = false;                         ///< Whether other nodes may join.
  std::string secret;                           ///< Only if it listens.
  std::function<void(const std::string&)> log;  ///< Of alarms.
};

class Training {
 public:
  /// Loads a checkpoint where the run is resumed; spawns everything; nothing runs yet.
  Training(RunInputs inputs, TrainingOptions options, telemetry::Progress& progress);
  ~Training();
  Training(const Training&) = delete;
  Training& operator=(const Training&) = delete;

  std::string address() const;  ///< Where nodes join; empty: nowhere.
  /// Runs to the end. Throws Error with the first cause where it failed; where that is a lost rank
  /// it begins again from the last checkpoint, some times. Writes model/ and summary.json.
  void run();
  /// The summary of run(), as JSON.
  const std::string& summary() const { return summary_; }

 private:
  void begin(bool resume);
  RunEnded live();
  void shut_down(bool begins_again = false);
  void spawn_cluster();
  void write_results(const std::string& summary);

  const RunInputs inputs_;
  const config::Recipe recipe_;
  TrainingOptions options_;
  telemetry::Progress& progress_;
  std::string listen_;  // The same in every life.
  env::RealClock clock_;
  env::RealFileSystem files_;
  gpu::ThreadPool threads_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<cluster::ActorConfig> actor_config_;
  wire::Registry registry_;
  std::unique_ptr<caf::actor_system> system_;
  std::unique_ptr<TrainingActors> actors_;
  std::unique_ptr<cluster::Cluster> cluster_;
  std::unique_ptr<caf::scoped_actor> waiter_;
  std::string summary_;
};

}  // namespace thespis::app
