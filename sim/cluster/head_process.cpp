#include "sim/cluster/head_process.hpp"

#include <utility>

#include "actors/base/failure.hpp"
#include "actors/training/run_directory.hpp"
#include "runtime/base/error.hpp"
#include "sim/check/watcher_actor.hpp"
#include "sim/cluster/judges.hpp"
#include "sim/engine/sim_inputs.hpp"
#include "sim/engine/sim_weights.hpp"

namespace thespis::sim {
namespace {

/// Waits for the run's end, as the program does.
class WaiterActor : public caf::event_based_actor {
 public:
  WaiterActor(caf::actor_config& config, World& world)
      : caf::event_based_actor(config), world_(world) {
    set_down_handler([this](caf::down_msg& down) {
      world_.run_ended("conductor or recorder ended: " +
                       (down.reason ? reason_of(system(), down.reason) : std::string("it quit")));
    });
  }

 protected:
  caf::behavior make_behavior() override {
    return {
        [this](const RunEnded& ended, const std::string&) { world_.run_ended(ended.error); },
        [this](worker_atom, const caf::actor& vital) { monitor(vital); },
    };
  }

 private:
  World& world_;
};

}  // namespace

TrainingSetup HeadProcess::setup(bool resume) {
  const Cluster& cluster = world_.scenario().cluster;
  TrainingSetup setup;
  setup.directory = kDirectory;
  setup.resume = resume;
  setup.run_id = world_.random(Stream::kFaults, life_).next_u64();
  setup.local = {cluster.head_samplers, cluster.head_rewards, cluster.head_references};
  setup.rewards = simulated_judges(world_, node_);
  setup.make_publisher = [this](uint64_t run_id) {
    return std::make_shared<SimWeightSink>(world_, run_id);
  };
  setup.ended = waiter_;
  setup.watch = [this](const caf::actor& recorder) {
    watcher_ = system().spawn<WatcherActor>(world_, life_, recorder);
    return watcher_;
  };
  return setup;
}

void HeadProcess::start() {
  Host own = host();
  const bool resume = holds_run(own.files, kDirectory);
  make_run_directory(own.files, kDirectory);
  progress_ =
      std::make_unique<telemetry::Progress>([](std::string_view) {}, telemetry::Terminal{}, "");
  waiter_ = system().spawn<WaiterActor>(world_);
  try {
    training_ = std::make_unique<TrainingActors>(simulated_inputs(world_.scenario().recipe),
                                                 setup(resume), own, *progress_);
  } catch (const InputError& error) {
    // Every checkpoint is damaged: the operator begins anew, in an empty directory.
    world_.note(0, Happened::kProgress, 0, 0, error.what());
    world_.disk().remove_tree(kDirectory);
    world_.disk().sync_directory(".");
    world_.checker().resumed(0);
    return die();
  } catch (const Error& error) {
    world_.note(0, Happened::kProgress, 0, 0, error.what());
    return die();
  }
  const auto version = training_->learner().policy()->version();
  if (resume) world_.checker().resumed(version);
  world_.checker().made_weights(version, training_->learner().policy()->weights().checksum());
  for (const auto& vital : {training_->conductor(), training_->recorder()})
    caf::anon_send(waiter_, worker_atom::value, vital);
  for (const char* role : {"sampler", "reward", "reference"})
    if (const auto& pool = training_->pool_of(role))
      caf::anon_send(watcher_, worker_atom::value, pool, std::string(role));
  training_->start();
}

void HeadProcess::stop() {
  if (training_) training_->stop();
  for (const auto& actor : {waiter_, watcher_})
    if (actor) caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
}

void HeadProcess::release() {
  training_.reset();
  waiter_ = watcher_ = {};
}

}  // namespace thespis::sim
