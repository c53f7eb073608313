#include "actors/episode/episode_actor.hpp"

#include <utility>

#include "actors/base/failure.hpp"
#include "actors/pool/ask.hpp"
#include "runtime/env/mutant.hpp"
#include "runtime/wire/lists.hpp"

namespace thespis {

EpisodeActor::EpisodeActor(caf::actor_config& config, std::shared_ptr<const EpisodeContext> context,
                           caf::actor conductor, Episode::Identity identity,
                           uint64_t reference_version)
    : caf::event_based_actor(config),
      context_(std::move(context)),
      conductor_(std::move(conductor)),
      episode_(std::move(identity), context_->group_size, context_->references != nullptr,
               context_->clock->now()),
      reference_version_(reference_version) {}

caf::behavior EpisodeActor::make_behavior() {
  for (uint32_t sample = 0; sample < context_->group_size; ++sample) generate(sample);
  delayed_send(this, context_->deadline, tick_atom::value);
  return {
      [this](tick_atom) { drop("its deadline passed; it waited for " + episode_.owed()); },
  };
}

void EpisodeActor::generate(uint32_t sample) {
  const auto& id = episode_.identity();
  const auto job =
      generate_job(*context_, key(sample), id.prompt, context_->temperature, id.admitted_version);
  ask<wire::Rollout>(
      *this, context_->samplers, job,
      [this, sample](const wire::Message<wire::Rollout>& rollout) { on_rollout(sample, rollout); },
      [this](const caf::error& error) { drop(reason_of(system(), error)); });
}

void EpisodeActor::on_rollout(uint32_t sample, const wire::Message<wire::Rollout>& rollout) {
  const auto view = rollout.read();
  if (view->getFinish() == wire::Rollout::Finish::CANCELLED)
    return drop("its rollout was cancelled");
  const auto tokens = wire::to_vector<int32_t>(view->getTokens());
  const auto fits = [&](const auto& list) { return list.size() == tokens.size(); };
  if (!fits(view->getLogprobs()) || !fits(view->getVersions()) ||
      (view->getLogKept().size() > 0 && !fits(view->getLogKept())))
    return drop("its rollout has other numbers of tokens, log-probs and versions");
  std::string text = context_->tokenizer->decode(tokens, model::SpecialTokens::kSkip);
  judge(sample, rollout, text);
  if (episode_.has_reference()) score(sample, rollout);
  episode_.take(sample, rollout, std::move(text), context_->clock->now());
}

void EpisodeActor::judge(uint32_t sample, const wire::Message<wire::Rollout>& rollout,
                         const std::string& text) {
  const auto job = judge_job(*context_, episode_.identity().task, *rollout.read(), text);
  ask<wire::Verdict>(
      *this, context_->rewards, job,
      [this, sample](const wire::Message<wire::Verdict>& verdict) {
        const auto view = verdict.read();
        if (view->getOutcome() != wire::Verdict::Outcome::SCORED)
          return drop("not judged: " + std::string(view->getDetail().cStr()));
        episode_.take(sample, verdict, context_->clock->now());
        commit_if_complete();
      },
      [this, sample](const caf::error& error) {
        if (!THESPIS_MUTANT(episode_scores_failures)) return drop(reason_of(system(), error));
        const auto failed = wire::Message<wire::Verdict>::build([](auto) {});
        episode_.take(sample, failed, context_->clock->now());
        commit_if_complete();
      });
}

void EpisodeActor::score(uint32_t sample, const wire::Message<wire::Rollout>& rollout) {
  const auto& id = episode_.identity();
  const auto job = wire::Message<wire::Score>::build([&](wire::Score::Builder s) {
    set_key(s.initJob(), key(sample));
    wire::fill_list(s.initPrompt(static_cast<unsigned>(id.prompt.size())), id.prompt);
    s.setCompletion(rollout.read()->getTokens());
    s.setTemperature(context_->temperature);
    s.setReferenceVersion(reference_version_);
  });
  ask<wire::Scores>(
      *this, context_->references, job,
      [this, sample](const wire::Message<wire::Scores>& scores) {
        episode_.take(sample, scores, context_->clock->now());
        commit_if_complete();
      },
      [this](const caf::error& error) { drop(reason_of(system(), error)); });
}

void EpisodeActor::commit_if_complete() {
  if (!episode_.complete()) return;
  send(conductor_, episode_.assemble());
  quit();
}

void EpisodeActor::drop(const std::string& why) {
  for (uint32_t sample = 0; sample < context_->group_size; ++sample) {
    const auto cancel = cancel_of(key(sample));
    send(context_->samplers, cancel);
    send(context_->rewards, cancel);
    if (context_->references) send(context_->references, cancel);
  }
  send(conductor_, dropped_atom::value, episode_.identity().group, why);
  quit();
}

}  // namespace thespis
