#include "app/training.hpp"

#include <nlohmann/json.hpp>
#include <utility>

#include "actors/conductor/conductor_actor.hpp"
#include "actors/evaluator/evaluator_actor.hpp"
#include "actors/front/front_desk_actor.hpp"
#include "actors/pool/pool_actor.hpp"
#include "actors/recorder/recorder_actor.hpp"
#include "model/hf/hf_config.hpp"
#include "model/hf/hf_directory.hpp"
#include "runtime/base/error.hpp"
#include "runtime/config/load.hpp"
#include "runtime/env/random.hpp"
#include "runtime/telemetry/metrics.hpp"

namespace thespis::app {
namespace {

uint64_t new_run_id() {
  uint64_t id = 0;
  env::fill_secret(reinterpret_cast<uint8_t*>(&id), sizeof id);
  return id;
}

Ledger::Limits ledger_limits(const RunInputs& inputs) {
  const auto& train = inputs.recipe.train;
  Ledger::Limits limits{train.groups_per_step, train.max_age};
  const auto size = inputs.train->size();
  if (size && inputs.recipe.data.epochs != 0)
    limits.prompt_count = *size * inputs.recipe.data.epochs;
  return limits;
}

}  // namespace

Training::Training(RunInputs inputs, TrainingOptions options, telemetry::Progress& progress)
    : inputs_(std::move(inputs)),
      options_(std::move(options)),
      run_id_(new_run_id()),
      store_(std::make_shared<store::CheckpointStore>(files_, options_.directory + "/checkpoints",
                                                      inputs_.recipe.checkpoint.keep)),
      threads_(thread_count(inputs_.recipe.engine.threads)),
      registry_(wire::Registry::all()),
      system_(std::make_unique<caf::actor_system>(actor_config_)),
      learner_compute_(std::make_unique<env::ComputeThread>("learner")),
      io_(std::make_unique<env::ComputeThread>("checkpointer")) {
  try {
    spawn(progress);
  } catch (...) {
    shut_down();  // The system cannot be destroyed while its actors live.
    throw;
  }
}

void Training::spawn(telemetry::Progress& progress) {
  ledger_ = std::make_shared<Ledger>(ledger_limits(inputs_));
  if (options_.resume) restore(progress);
  learner_ = std::make_shared<learner::Learner>(inputs_.recipe, inputs_.policy, threads_);
  if (restored_) learner_->restore(restored_->learner);
  workers_ = std::make_unique<Workers>(*system_, inputs_.recipe, threads_, nullptr);
  waiter_ = std::make_unique<caf::scoped_actor>(*system_);
  context_ = std::make_shared<EpisodeContext>(episode_context(inputs_, clock_));
  spawn_pools();
  spawn_actors(progress);
  if (options_.listens) spawn_cluster();
}

Training::~Training() {
  shut_down();
}

void Training::shut_down() {
  const caf::actor all[] = {
      conductor_, front_,    learner_actor_, evaluator_,  checkpointer_,
      recorder_,  samplers_, rewards_,       references_, evaluation_sampler_};
  for (const auto& actor : all)
    if (actor) caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
  for (const Worker& worker : local_)
    caf::anon_send_exit(worker.actor, caf::exit_reason::user_shutdown);
  cluster_.reset();  // Before the system, and while its actors can still be told.
  waiter_.reset();
  system_->await_all_actors_done();
  // Jobs still under way hold their actors: they end before the system does.
  workers_.reset();
  learner_compute_.reset();
  io_.reset();
}

std::string Training::address() const {
  return cluster_ ? cluster_->address() : std::string();
}

void Training::restore(telemetry::Progress& progress) {
  bool has_unusable = false;
  restored_ = restore_training(*store_, inputs_.policy->config(), [&](const std::string& line) {
    has_unusable = true;
    progress.note(line);
  });
  if (!restored_ && has_unusable)
    throw InputError(options_.directory + ": there is no usable checkpoint to resume from");
  // It died before its first checkpoint: nothing to lose, nothing to go on from.
  if (!restored_) return progress.note("no checkpoint yet: beginning anew");
  run_id_ = restored_->run_id;
  const auto state = restored_->state.read();
  *ledger_ = Ledger::restore(ledger_limits(inputs_), state->getLedger());
  progress.note("resuming at step " + std::to_string(restored_->step) + " of " +
                std::to_string(inputs_.recipe.train.steps));
}

void Training::spawn_pools() {
  const auto& recipe = inputs_.recipe;
  const auto options = [&](const char* role, double deadline_s) {
    return PoolOptions{role,
                       {recipe.rollout.queue_bytes, 1 + recipe.rewards.retries},
                       env::milliseconds(deadline_s),
                       env::milliseconds(recipe.cluster.join_deadline_s)};
  };
  samplers_ = system_->spawn<SamplerPool>(options("sampler", recipe.rollout.deadline_s));
  rewards_ = system_->spawn<RewardPool>(options("reward", recipe.rewards.deadline_s));
  if (recipe.train.kl_coef != 0)
    references_ = system_->spawn<ReferencePool>(options("reference", recipe.reference.deadline_s));
  context_->samplers = samplers_;
  context_->rewards = rewards_;
  context_->references = references_;
}

void Training::spawn_cluster() {
  const auto& section = inputs_.recipe.cluster;
  cluster::ClusterOptions options;
  options.listen = section.listen;
  options.secret = options_.secret;
  options.name = "conductor";
  options.heartbeat_interval = env::milliseconds(section.heartbeat_interval_s);
  options.suspect_after = env::milliseconds(section.heartbeat_deadline_s);
  cluster_ = std::make_unique<cluster::Cluster>(*system_, registry_, options);
  front_ = system_->spawn<FrontDeskActor>(FrontDeskOptions{
      run_id_, config::to_toml(inputs_.recipe), model::config_to_json(inputs_.policy->config()),
      samplers_, rewards_, references_, learner_actor_});
  cluster_->set_front(front_);
}

void Training::spawn_actors(telemetry::Progress& progress) {
  const auto& recipe = inputs_.recipe;
  if (options_.listens) {
    cluster::WeightPublisher::Options publish;
    publish.run_id = run_id_;
    publish.host = recipe.cluster.listen.substr(0, recipe.cluster.listen.rfind(':'));
    publisher_ = std::make_shared<cluster::WeightPublisher>(publish);
  }
  LearnerOptions learner;
  learner.learner = learner_;
  learner.publisher = publisher_;
  learner.compute = learner_compute_.get();
  learner.clock = &clock_;
  learner.checkpoint_every = recipe.checkpoint.every;
  learner.steps = recipe.train.steps;
  learner_actor_ = system_->spawn<LearnerActor>(std::move(learner));

  CheckpointerOptions checkpointer;
  checkpointer.store = store_;
  checkpointer.journal =
      std::make_shared<store::Journal>(files_, options_.directory + "/ledger.journal");
  checkpointer.io = io_.get();
  checkpointer.run_id = run_id_;
  checkpointer.recipe = config::to_toml(recipe);
  checkpointer_ = system_->spawn<CheckpointerActor>(std::move(checkpointer));

  evaluation_sampler_ = workers_->spawn_sampler().actor;
  evaluator_ = system_->spawn<EvaluatorActor>(
      EvaluatorOptions{evaluation_sampler_, rewards_, held_out_prompts(inputs_), context_,
                       static_cast<float>(recipe.eval.temperature)});

  RecorderOptions recorder;
  recorder.directory = options_.directory;
  recorder.files = &files_;
  recorder.clock = &clock_;
  recorder.progress = &progress;
  recorder.steps = recipe.train.steps;
  recorder.steps_done = restored_ ? restored_->step : 0;
  recorder.samplers = samplers_;
  recorder.rewards = rewards_;
  recorder.references = references_;
  recorder.ended = caf::actor_cast<caf::actor>(waiter_->ptr());
  recorder_ = system_->spawn<RecorderActor>(std::move(recorder));

  ConductorOptions conductor;
  conductor.recipe = recipe;
  conductor.episodes = context_;
  conductor.prompt_at = [this](uint64_t index) {
    return prompt_text(inputs_, *inputs_.train, index);
  };
  conductor.learner = learner_actor_;
  conductor.checkpointer = checkpointer_;
  conductor.evaluator = evaluator_;
  conductor.recorder = recorder_;
  conductor.ledger = ledger_;
  conductor.steps_done = restored_ ? restored_->step : 0;
  conductor.resumed = options_.resume;
  conductor.reference_version = learner_->reference()->version();
  conductor.policy = learner_->policy();
  conductor.stall_deadline = context_->deadline;
  conductor_ = system_->spawn<ConductorActor>(std::move(conductor));
}

caf::actor Training::pool_of(const std::string& role) const {
  return role == "sampler" ? samplers_ : role == "reward" ? rewards_ : references_;
}

void Training::add_workers() {
  local_ = workers_->spawn(options_.local);
  for (const Worker& worker : local_) {
    caf::anon_send(pool_of(worker.role), worker_atom::value, worker.actor, worker.capacity);
    if (worker.role != "reward")
      caf::anon_send(learner_actor_, subscribe_atom::value, worker.actor, /*remote=*/false,
                     /*reference=*/worker.role == "reference");
  }
}

void Training::run() {
  add_workers();
  // The conductor ends every run, since its watch names what stands still, and the recorder says
  // so; if one of these two dies, that is the end and its cause.
  for (const auto& vital : {conductor_, recorder_}) (*waiter_)->monitor(vital);
  caf::anon_send(conductor_, start_atom::value);
  std::string error;
  (*waiter_)->receive(
      [&](const RunEnded& ended, const std::string& summary) {
        error = ended.error;
        summary_ = summary;
      },
      [&](const caf::down_msg& down) {
        const char* who = down.source == conductor_ ? "conductor" : "recorder";
        error = std::string(who) +
                " ended: " + (down.reason ? system_->render(down.reason) : "it quit");
      });
  if (!error.empty()) throw Error(error);
  write_results(summary_);
}

void Training::write_results(const std::string& summary) {
  const auto policy = learner_->policy();
  model::save_model(options_.directory + "/model", policy->weights(), inputs_.tokenizer->json());
  auto json = nlohmann::ordered_json::parse(summary);
  json.erase("error");
  json["policy_version"] = policy->version();
  json["weights_sha256"] = model::weights_sha256(policy->weights());
  json["seed"] = inputs_.recipe.seed;
  summary_ = json.dump();
  telemetry::write_summary(files_, options_.directory + "/summary.json", json);
}

}  // namespace thespis::app
