#include "actors/conductor/conductor_actor.hpp"

#include <algorithm>
#include <utility>

#include "actors/base/failure.hpp"
#include "actors/learner/advantage.hpp"
#include "runtime/env/mutant.hpp"

namespace thespis {
namespace {

// All groups that may be under way at once, so many times over and dropped without one that came
// through, end a run. An outage drops them once in each `cluster.join_deadline_s`.
constexpr uint64_t kLostRounds = 4;

bool has_signal(const wire::Message<wire::Group>& group) {
  const auto view = group.read();
  std::vector<float> scores;
  for (const auto sample : view->getSamples()) scores.push_back(sample.getScore());
  return learner::is_informative(scores);
}

std::string numbers(uint64_t a, uint64_t b) {
  return std::to_string(a) + " " + std::to_string(b);
}

}  // namespace

ConductorActor::ConductorActor(caf::actor_config& config, ConductorOptions options)
    : caf::event_based_actor(config),
      options_(std::move(options)),
      ledger_(*options_.ledger),
      version_(options_.policy->version()),
      steps_done_(options_.steps_done),
      reference_version_(options_.reference_version) {
  set_down_handler([this](caf::down_msg& down) { on_down(down); });
  set_exception_handler(error_of);  // A prompt that cannot be used, for example.
}

caf::behavior ConductorActor::make_behavior() {
  for (const auto& vital :
       {options_.learner, options_.checkpointer, options_.evaluator, options_.recorder,
        options_.episodes->samplers, options_.episodes->rewards, options_.episodes->references})
    if (vital) monitor(vital);
  return {
      [this](start_atom) { start(); },
      [this](wire::Message<wire::Group>& group) { on_group(std::move(group)); },
      [this](dropped_atom, uint64_t group, const std::string& why) { on_dropped(group, why); },
      [this](batch_atom, uint64_t version) -> caf::result<Batch> {
        learner_waits_ = make_response_promise();
        learner_version_ = version;
        auto promise = learner_waits_;
        try_batch();
        return promise;
      },
      [this](Stepped& stepped) { on_stepped(stepped); },
      [this](tick_atom) { watch(); },
  };
}

void ConductorActor::on_exit() {
  for (const auto& [group, episode] : std::exchange(episodes_, {}))
    send_exit(episode, caf::exit_reason::user_shutdown);
  learner_waits_ = {};  // A promise refers back to its actor: with it this would never be freed.
}

void ConductorActor::start() {
  if (options_.resumed) journal("resume " + numbers(steps_done_, version_));
  if (steps_done_ == 0)
    evaluate(options_.policy, options_.recipe.eval.base_samples);
  else if (
      is_last_step_done())  // Killed after its last step, before the evaluation of it was done.
    evaluate(options_.policy, options_.recipe.eval.samples);
  send(options_.learner, start_atom::value, caf::actor(this));
  admit();
  delayed_send(this, options_.stall_deadline, tick_atom::value);
}

void ConductorActor::admit() {
  const uint64_t wanted = options_.recipe.train.steps * options_.recipe.train.groups_per_step;
  while (!ended_ && ledger_.consumed() + ledger_.open_count() < wanted) {
    const auto admission = ledger_.admit(version_);
    if (!admission) return;
    journal("admit " + numbers(admission->group, admission->prompt_index) + " " +
            std::to_string(version_));
    PromptText prompt = options_.prompt_at(admission->prompt_index);
    Episode::Identity identity{admission->group, admission->prompt_index, version_,
                               std::move(prompt.tokens), std::move(prompt.task)};
    auto episode = spawn<EpisodeActor>(options_.episodes, caf::actor(this), std::move(identity),
                                       reference_version_);
    monitor(episode);
    episodes_.emplace(admission->group, std::move(episode));
  }
}

void ConductorActor::on_group(wire::Message<wire::Group> group) {
  const uint64_t id = group.read()->getId();
  if (!episodes_.contains(id)) return;
  episodes_.erase(id);
  ++progress_;
  dropped_in_row_ = 0;
  const auto& train = options_.recipe.train;
  const uint64_t filtered_max = uint64_t{train.dynamic_sampling_max_factor} * train.groups_per_step;
  if (train.dynamic_sampling && filtered_in_step_ < filtered_max && !has_signal(group)) {
    ++filtered_in_step_;
    ledger_.end(id, Ledger::Fate::kFiltered);
    journal("filter " + std::to_string(id));
    return admit();
  }
  if (!ledger_.commit(id)) return;
  journal("commit " + std::to_string(id));
  ready_.emplace(id, std::move(group));
  try_batch();
}

void ConductorActor::on_dropped(uint64_t group, const std::string& why) {
  if (ended_ || !episodes_.contains(group)) return;
  episodes_.erase(group);
  if (THESPIS_MUTANT(conductor_keeps_dropped)) return;
  if (!ledger_.end(group, Ledger::Fate::kDropped)) return;
  journal("drop " + std::to_string(group) + " " + why);
  send(options_.recorder, dropped_atom::value, group, why);
  // What fails for every group will fail for the rest of the prompts, too.
  if (++dropped_in_row_ >= kLostRounds * ledger_.open_max())
    return end("the last " + std::to_string(dropped_in_row_) +
               " groups were dropped, every one; this one: " + why);
  admit();
  try_batch();
}

void ConductorActor::try_batch() {
  if (!learner_waits_.pending()) return;
  if (ended_ || is_last_step_done() || ledger_.exhausted()) {
    learner_waits_.deliver(Batch{});
    learner_waits_ = {};
    return finish_if_done();
  }
  const auto taken = ledger_.take_step(learner_version_);
  if (!taken) return;
  Batch batch;
  for (const uint64_t id : *taken) {
    batch.groups.push_back(std::move(ready_.at(id)));
    ready_.erase(id);
    if (!THESPIS_MUTANT(conductor_skips_journal))
      journal("consume " + numbers(id, learner_version_));
  }
  filtered_in_step_ = 0;
  ++progress_;
  flush_journal();
  send(options_.recorder, batch);
  learner_waits_.deliver(std::move(batch));
  learner_waits_ = {};
}

void ConductorActor::on_stepped(Stepped& stepped) {
  ++progress_;
  version_ = stepped.report.policy_version;
  steps_done_ = stepped.report.step;
  reference_version_ = stepped.reference_version;
  journal("step " + numbers(steps_done_, version_));
  flush_journal();  // Before the checkpoint: its ledger knows no event that the journal lacks.
  send(options_.recorder, std::move(stepped.report), counts());
  if (stepped.snapshot) {
    ++saves_open_;
    CheckpointOrder order{steps_done_, stepped.snapshot,
                          wire::Message<wire::LedgerState>::build([this](auto state) {
                            if (!THESPIS_MUTANT(conductor_saves_no_ledger)) ledger_.save(state);
                          })};
    request(options_.checkpointer, caf::infinite, std::move(order))
        .then(
            [this](saved_atom) {
              --saves_open_;
              finish_if_done();
            },
            [this](const caf::error& error) {
              end("the checkpoint could not be written: " + reason_of(system(), error));
            });
  }
  const auto& eval = options_.recipe.eval;
  if (is_last_step_done())
    evaluate(stepped.policy, eval.samples);
  else if (eval.every != 0 && steps_done_ % eval.every == 0)
    evaluate(stepped.policy, eval.base_samples);
  admit();
}

void ConductorActor::evaluate(std::shared_ptr<const model::Policy> policy, uint32_t samples) {
  if (options_.recipe.eval.prompts == 0 || samples == 0) return;
  ++evaluations_open_;
  request(options_.evaluator, caf::infinite, evaluate_atom::value, PolicyUpdate{policy}, samples)
      .then(
          [this](EvalReport& report) {
            --evaluations_open_;
            ++progress_;
            send(options_.recorder, std::move(report));
            finish_if_done();
          },
          [this](const caf::error& error) {
            end("the evaluation failed: " + reason_of(system(), error));
          });
}

void ConductorActor::finish_if_done() {
  const bool trained = is_last_step_done() || ledger_.exhausted();
  if (trained && evaluations_open_ == 0 && saves_open_ == 0) end("");
}

void ConductorActor::end(const std::string& error, bool rank_lost) {
  if (std::exchange(ended_, true)) return;
  flush_journal();
  send(options_.recorder, counts());
  send(options_.recorder, RunEnded{error, rank_lost});
}

void ConductorActor::on_down(const caf::down_msg& down) {
  const std::string why = down.reason ? reason_of(system(), down.reason) : "it ended";
  const auto episode = std::find_if(episodes_.begin(), episodes_.end(),
                                    [&](const auto& entry) { return entry.second == down.source; });
  if (episode != episodes_.end())
    return on_dropped(episode->first, "its episode ended early: " + why);
  const std::pair<caf::actor, const char*> vital[] = {
      {options_.learner, "learner"},
      {options_.checkpointer, "checkpointer"},
      {options_.evaluator, "evaluator"},
      {options_.episodes->samplers, "sampler pool"},
      {options_.episodes->rewards, "reward pool"},
      {options_.episodes->references, "reference pool"}};
  for (const auto& [handle, who] : vital)
    if (handle && handle == down.source)
      return end(std::string(who) + " ended: " + why,
                 handle == options_.learner && down.reason == caf::sec::request_receiver_down);
}

void ConductorActor::watch() {
  if (ended_) return;
  if (progress_ == progress_seen_) {
    const auto group = ledger_.waited_for();
    return end(
        "no progress for " + std::to_string(options_.stall_deadline.count() / 1000) +
        " s at step " + std::to_string(steps_done_ + 1) +
        (group ? ": waiting for group " + std::to_string(*group) : ": waiting for the learner") +
        (dropped_in_row_ > 0 ? "; the last " + std::to_string(dropped_in_row_) + " were dropped"
                             : ""));
  }
  progress_seen_ = progress_;
  delayed_send(this, options_.stall_deadline, tick_atom::value);
}

void ConductorActor::flush_journal() {
  if (!events_.empty())
    send(options_.checkpointer, journal_atom::value, std::exchange(events_, {}));
}

LedgerCounts ConductorActor::counts() const {
  return {ledger_.admitted(), ledger_.consumed(),    ledger_.filtered(),
          ledger_.dropped(),  ledger_.ready_count(), ledger_.open_count()};
}

}  // namespace thespis
