#include "actors/training/training_actors.hpp"

#include <utility>

#include "actors/conductor/conductor_actor.hpp"
#include "actors/evaluator/evaluator_actor.hpp"
#include "actors/front/front_desk_actor.hpp"
#include "actors/front/worker_link_actor.hpp"
#include "actors/pool/pool_actor.hpp"
#include "model/hf/hf_config.hpp"
#include "runtime/base/error.hpp"
#include "runtime/config/load.hpp"
#include "runtime/env/mutant.hpp"

namespace thespis {
namespace {

Ledger::Limits ledger_limits(const RunInputs& inputs) {
  const auto& train = inputs.recipe.train;
  Ledger::Limits limits{train.groups_per_step, train.max_age};
  const auto size = inputs.train->size();
  if (size && inputs.recipe.data.epochs != 0)
    limits.prompt_count = *size * inputs.recipe.data.epochs;
  return limits;
}

}  // namespace

TrainingActors::TrainingActors(RunInputs inputs, TrainingSetup setup, const Host& host,
                               telemetry::Progress& progress)
    : inputs_(std::move(inputs)),
      setup_(std::move(setup)),
      host_(host),
      run_id_(setup_.run_id),
      store_(std::make_shared<store::CheckpointStore>(host.files, setup_.directory + "/checkpoints",
                                                      inputs_.recipe.checkpoint.keep)),
      ledger_(std::make_shared<Ledger>(ledger_limits(inputs_))),
      context_(std::make_shared<EpisodeContext>(episode_context(inputs_, host.clock))),
      learner_compute_(host.make_compute("learner")),
      io_(host.make_compute("checkpointer")) {
  try {
    if (setup_.resume) restore(progress);
    learner_ = std::make_shared<learner::Learner>(inputs_.recipe, inputs_.policy, host.engine,
                                                  make_ranks());
    if (restored_) learner_->restore(restored_->learner);
    workers_ = std::make_unique<Workers>(host, inputs_.recipe, setup_.rewards, nullptr,
                                         inputs_.stop_strings);
    spawn_pools();
    spawn_learner();
    spawn_keepers(progress);
    spawn_conductor();
    if (setup_.make_publisher) spawn_front();
  } catch (...) {
    stop();
    throw;
  }
}

TrainerRanks TrainingActors::make_ranks() {
  const auto& train = inputs_.recipe.train;
  if (train.local_ranks == 0 || train.local_ranks == train.ranks) return ranks_of(train);
  std::vector<std::shared_ptr<collective::Communicator>> here;
  for (uint32_t r = 0; r < train.local_ranks; ++r) {
    groups_.push_back(std::make_unique<collective::ClusterGroup>(
        host_.system,
        collective::ClusterGroupOptions{.group = setup_.life,
                                        .rank = r,
                                        .size = train.ranks,
                                        .hub = r == 0 ? caf::actor{} : groups_[0]->endpoint(),
                                        .deadline = env::milliseconds(train.rank_deadline_s),
                                        .clock = &host_.clock}));
    here.push_back(groups_[r]->communicator());
    if (r > 0)
      caf::anon_send(groups_[0]->endpoint(), collective::rank_atom::value, groups_[r]->endpoint(),
                     r, /*tell=*/false);
  }
  return ranks_of(train, std::move(here));
}

void TrainingActors::stop(bool begins_again) {
  if (front_)
    caf::anon_send_exit(front_, begins_again ? kBeginsAgain : caf::exit_reason::user_shutdown);
  const caf::actor all[] = {conductor_, learner_actor_, evaluator_,  checkpointer_,      recorder_,
                            samplers_,  rewards_,       references_, evaluation_sampler_};
  for (const auto& actor : all)
    if (actor) caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
  for (const auto& group : groups_)
    caf::anon_send_exit(group->endpoint(), caf::exit_reason::user_shutdown);
  for (const Worker& worker : local_)
    caf::anon_send_exit(worker.actor, caf::exit_reason::user_shutdown);
}

void TrainingActors::restore(telemetry::Progress& progress) {
  bool has_unusable = false;
  restored_ = restore_training(*store_, inputs_.policy->config(), [&](const std::string& line) {
    has_unusable = true;
    progress.note(line);
  });
  if (!restored_ && has_unusable)
    throw InputError(setup_.directory + ": there is no usable checkpoint to resume from");
  // It died before its first checkpoint: nothing to lose, nothing to go on from.
  if (!restored_) return progress.note("no checkpoint yet: beginning anew");
  run_id_ = restored_->run_id;
  const auto state = restored_->state.read();
  if (THESPIS_MUTANT(resume_begins_new_ledger)) return;
  *ledger_ = Ledger::restore(ledger_limits(inputs_), state->getLedger());
  progress.note("resuming at step " + std::to_string(restored_->step) + " of " +
                std::to_string(inputs_.recipe.train.steps));
}

void TrainingActors::spawn_pools() {
  const auto& recipe = inputs_.recipe;
  const auto options = [&](const char* role, double deadline_s) {
    return PoolOptions{role,
                       {recipe.rollout.queue_bytes, 1 + recipe.rewards.retries},
                       env::milliseconds(deadline_s),
                       env::milliseconds(recipe.cluster.join_deadline_s),
                       /*may_join=*/setup_.make_publisher != nullptr};
  };
  samplers_ = host_.system.spawn<SamplerPool>(options("sampler", recipe.rollout.deadline_s));
  const std::string judges = reward_role(context_->kind);
  rewards_ = host_.system.spawn<RewardPool>(options(judges.c_str(), recipe.rewards.deadline_s));
  if (recipe.train.kl_coef != 0)
    references_ =
        host_.system.spawn<ReferencePool>(options("reference", recipe.reference.deadline_s));
  context_->samplers = samplers_;
  context_->rewards = rewards_;
  context_->references = references_;
}

void TrainingActors::spawn_learner() {
  const auto& recipe = inputs_.recipe;
  LearnerOptions options;
  options.learner = learner_;
  if (setup_.make_publisher) options.publisher = setup_.make_publisher(run_id_);
  options.compute = learner_compute_.get();
  options.clock = &host_.clock;
  options.recipe = recipe;
  if (!groups_.empty()) options.hub = groups_[0]->endpoint();
  if (restored_) options.restored = &restored_->learner;
  learner_actor_ = host_.system.spawn<LearnerActor>(std::move(options));
}

void TrainingActors::spawn_keepers(telemetry::Progress& progress) {
  const auto& recipe = inputs_.recipe;
  CheckpointerOptions checkpointer;
  checkpointer.store = store_;
  checkpointer.journal =
      std::make_shared<store::Journal>(host_.files, setup_.directory + "/ledger.journal");
  checkpointer.io = io_.get();
  checkpointer.run_id = run_id_;
  checkpointer.recipe = config::to_toml(recipe);
  checkpointer_ = host_.system.spawn<CheckpointerActor>(std::move(checkpointer));

  evaluation_sampler_ = workers_->spawn_sampler().actor;
  evaluator_ = host_.system.spawn<EvaluatorActor>(
      EvaluatorOptions{evaluation_sampler_, rewards_, held_out_prompts(inputs_), context_,
                       static_cast<float>(recipe.eval.temperature)});

  RecorderOptions recorder;
  recorder.directory = setup_.directory;
  recorder.files = &host_.files;
  recorder.clock = &host_.clock;
  recorder.progress = &progress;
  recorder.steps = recipe.train.steps;
  recorder.steps_done = restored_ ? restored_->step : 0;
  recorder.samplers = samplers_;
  recorder.rewards = rewards_;
  recorder.references = references_;
  recorder.ended = setup_.ended;
  recorder.log = setup_.log;
  recorder_ = host_.system.spawn<RecorderActor>(std::move(recorder));
}

void TrainingActors::spawn_conductor() {
  ConductorOptions options;
  options.recipe = inputs_.recipe;
  options.episodes = context_;
  options.prompt_at = [this](uint64_t index) {
    return prompt_text(inputs_, *inputs_.train, index);
  };
  options.learner = learner_actor_;
  options.checkpointer = checkpointer_;
  options.evaluator = evaluator_;
  options.recorder = setup_.watch ? setup_.watch(recorder_) : recorder_;
  options.ledger = ledger_;
  options.steps_done = restored_ ? restored_->step : 0;
  options.resumed = setup_.resume;
  options.reference_version = learner_->reference()->version();
  options.policy = learner_->policy();
  options.stall_deadline = context_->deadline;
  conductor_ = host_.system.spawn<ConductorActor>(std::move(options));
}

void TrainingActors::spawn_front() {
  front_ = host_.system.spawn<FrontDeskActor>(FrontDeskOptions{
      run_id_, config::to_toml(inputs_.recipe), model::config_to_json(inputs_.policy->config()),
      inputs_.stop_strings == nullptr ? std::string() : inputs_.tokenizer->json(), samplers_,
      rewards_, references_, learner_actor_, reward_role(context_->kind), !groups_.empty()});
}

const caf::actor& TrainingActors::pool_of(const std::string& role) const {
  return role == "sampler" ? samplers_ : role == "reference" ? references_ : rewards_;
}

void TrainingActors::start() {
  local_ = workers_->spawn(setup_.local);
  for (const Worker& worker : local_) {
    caf::anon_send(pool_of(worker.role), worker_atom::value, worker.actor, worker.capacity);
    if (worker.role == "sampler" || worker.role == "reference")
      caf::anon_send(learner_actor_, subscribe_atom::value, worker.actor, /*remote=*/false,
                     /*reference=*/worker.role == "reference");
  }
  caf::anon_send(conductor_, start_atom::value);
}

}  // namespace thespis
