#include "app/training.hpp"

#include <nlohmann/json.hpp>
#include <span>
#include <utility>

#include "actors/base/failure.hpp"
#include "actors/training/card_use.hpp"
#include "model/hf/hf_directory.hpp"
#include "runtime/base/error.hpp"
#include "runtime/env/random.hpp"
#include "runtime/telemetry/metrics.hpp"

namespace thespis::app {
namespace {

uint64_t new_id() {
  uint64_t id = 0;
  env::fill_secret(reinterpret_cast<uint8_t*>(&id), sizeof id);
  return id;
}

}  // namespace

Training::Training(RunInputs inputs, TrainingOptions options, telemetry::Progress& progress)
    : inputs_(std::move(inputs)),
      recipe_(inputs_.recipe),
      options_(std::move(options)),
      progress_(progress),
      listen_(recipe_.cluster.listen),
      threads_(thread_count(recipe_.engine.threads)),
      engine_(make_engine(recipe_.engine, threads_, card_uses(recipe_, options_.local, true))),
      registry_(wire::Registry::all()) {
  begin(options_.resume);
}

void Training::begin(bool resume) {
  actor_config_ = std::make_unique<cluster::ActorConfig>();
  system_ = std::make_unique<caf::actor_system>(*actor_config_);
  waiter_ = std::make_unique<caf::scoped_actor>(*system_);
  TrainingSetup setup;
  setup.directory = options_.directory;
  setup.resume = resume;
  setup.run_id = new_id();
  setup.life = new_id();
  setup.local = options_.local;
  setup.rewards = reward_options(recipe_);
  setup.log = options_.log;
  setup.ended = caf::actor_cast<caf::actor>(waiter_->ptr());
  if (options_.listens)
    setup.make_publisher = [this](uint64_t run_id) {
      cluster::WeightPublisher::Options publish;
      publish.run_id = run_id;
      publish.host = recipe_.cluster.listen.substr(0, recipe_.cluster.listen.rfind(':'));
      return std::make_shared<cluster::WeightPublisher>(publish);
    };
  const Host host{*system_, clock_, files_, *engine_, [](const std::string& name) {
                    return std::make_unique<env::ComputeThread>(name);
                  }};
  try {
    actors_ = std::make_unique<TrainingActors>(inputs_, std::move(setup), host, progress_);
    if (options_.listens) spawn_cluster();
  } catch (...) {
    shut_down();  // The system cannot be destroyed while its actors live.
    throw;
  }
}

Training::~Training() {
  shut_down();
}

void Training::shut_down(bool begins_again) {
  if (system_ == nullptr) return;
  if (actors_) {
    actors_->stop(begins_again);
    // Nodes hear how it ended before they are left.
    if (begins_again && actors_->front()) caf::scoped_actor(*system_)->wait_for(actors_->front());
  }
  cluster_.reset();  // Before the system, and while its actors can still be told.
  waiter_.reset();
  system_->await_all_actors_done();
  // Jobs still under way hold their actors: they end before the system does.
  actors_.reset();
  system_.reset();
}

std::string Training::address() const {
  return cluster_ ? cluster_->address() : std::string();
}

void Training::spawn_cluster() {
  const auto& section = recipe_.cluster;
  cluster::ClusterOptions options;
  options.listen = listen_;
  options.secret = options_.secret;
  options.name = "conductor";
  options.heartbeat_interval = env::milliseconds(section.heartbeat_interval_s);
  options.suspect_after = env::milliseconds(section.heartbeat_deadline_s);
  cluster_ = std::make_unique<cluster::Cluster>(*system_, registry_, options);
  cluster_->set_front(actors_->front());
  listen_ = cluster_->address();
}

void Training::run() {
  constexpr uint32_t kLivesMax = 20;  // More means that something is wrong for good.
  for (uint32_t lives = 1;; ++lives) {
    const RunEnded ended = live();
    if (ended.error.empty()) break;
    if (!ended.rank_lost || lives == kLivesMax) throw Error(ended.error);
    const std::string line = ended.error + "; beginning again from the last checkpoint";
    progress_.note(line);
    if (options_.log) options_.log(line);
    shut_down(/*begins_again=*/true);
    begin(/*resume=*/true);
  }
  write_results(summary_);
}

RunEnded Training::live() {
  // The conductor ends every run, since its watch names what stands still, and the recorder says
  // so; if one of these two dies, that is the end and its cause.
  for (const auto& vital : {actors_->conductor(), actors_->recorder()}) (*waiter_)->monitor(vital);
  actors_->start();
  RunEnded end;
  (*waiter_)->receive(
      [&](const RunEnded& ended, const std::string& summary) {
        end = ended;
        summary_ = summary;
      },
      [&](const caf::down_msg& down) {
        const char* who = down.source == actors_->conductor() ? "conductor" : "recorder";
        end.error = std::string(who) +
                    " ended: " + (down.reason ? reason_of(*system_, down.reason) : "it quit");
      });
  return end;
}

void Training::write_results(const std::string& summary) {
  const auto policy = actors_->learner().policy();
  model::save_model(options_.directory + "/model", policy->weights(), actors_->inputs().companions);
  auto json = nlohmann::ordered_json::parse(summary);
  json.erase("error");
  json["policy_version"] = policy->version();
  json["weights_sha256"] = model::weights_sha256(policy->weights());
  json["seed"] = recipe_.seed;
  summary_ = json.dump();
  telemetry::write_summary(files_, options_.directory + "/summary.json", json);
}

}  // namespace thespis::app
