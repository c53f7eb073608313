#include "actors/episode/episode.hpp"

#include <algorithm>
#include <utility>

#include "runtime/base/assert.hpp"
#include "runtime/env/mutant.hpp"
#include "runtime/wire/lists.hpp"

namespace thespis {
Episode::Episode(Identity identity, uint32_t group_size, bool has_reference, env::Nanoseconds now)
    : identity_(std::move(identity)),
      has_reference_(has_reference),
      samples_(group_size),
      admitted_(now),
      rollouts_done_(now),
      verdicts_done_(now),
      scores_done_(now) {}

bool Episode::take(uint32_t sample, wire::Message<wire::Rollout> rollout, std::string text,
                   env::Nanoseconds now) {
  if (sample >= samples_.size() || samples_[sample].rollout) return false;
  samples_[sample].rollout = std::move(rollout);
  samples_[sample].text = std::move(text);
  rollouts_done_ = now;
  return true;
}

bool Episode::take(uint32_t sample, wire::Message<wire::Verdict> verdict, env::Nanoseconds now) {
  if (sample >= samples_.size() || samples_[sample].verdict) return false;
  samples_[sample].verdict = std::move(verdict);
  verdicts_done_ = now;
  return true;
}

bool Episode::take(uint32_t sample, wire::Message<wire::Scores> scores, env::Nanoseconds now) {
  if (sample >= samples_.size() || samples_[sample].scores) return false;
  samples_[sample].scores = std::move(scores);
  scores_done_ = now;
  return true;
}

bool Episode::complete() const {
  return std::all_of(samples_.begin(), samples_.end(), [this](const Sample& s) {
    return s.rollout && s.verdict && (s.scores || !has_reference_);
  });
}

std::string Episode::owed() const {
  for (size_t i = 0; i < samples_.size(); ++i) {
    const Sample& s = samples_[i];
    const std::string who = "sample " + std::to_string(i) + ": ";
    if (!s.rollout) return who + "rollout";
    if (!s.verdict) return who + "verdict";
    if (has_reference_ && !s.scores) return who + "reference scores";
  }
  return "nothing";
}

wire::Message<wire::Group> Episode::assemble() const {
  THESPIS_ASSERT(complete());
  uint64_t words = 128 + identity_.prompt.size() + identity_.task.size() / 8;
  for (const Sample& s : samples_)
    words += s.rollout->frame().word_count * 2 + s.text.size() / 8 + 64;
  return wire::Message<wire::Group>::build(
      [this](wire::Group::Builder group) {
        group.setId(identity_.group);
        group.setPromptIndex(identity_.prompt_index);
        group.setAdmittedVersion(identity_.admitted_version);
        group.setTask(identity_.task);
        wire::fill_list(group.initPrompt(static_cast<unsigned>(identity_.prompt.size())),
                        identity_.prompt);
        auto timing = group.initTiming();
        timing.setSampling(env::seconds(rollouts_done_ - admitted_));
        timing.setReward(std::max(0.0, env::seconds(verdicts_done_ - rollouts_done_)));
        timing.setReference(std::max(0.0, env::seconds(scores_done_ - rollouts_done_)));
        auto samples = group.initSamples(static_cast<unsigned>(samples_.size()));
        for (unsigned i = 0; i < samples.size(); ++i) {
          const Sample& from = samples_[THESPIS_MUTANT(episode_counts_one_twice) ? 0 : i];
          auto to = samples[i];
          const auto rollout = from.rollout->read();
          wire::fill_list(to.initTokens(rollout->getTokens().size()), rollout->getTokens());
          wire::fill_list(to.initLogprobs(rollout->getLogprobs().size()), rollout->getLogprobs());
          wire::fill_list(to.initVersions(rollout->getVersions().size()), rollout->getVersions());
          wire::fill_list(to.initLogKept(rollout->getLogKept().size()), rollout->getLogKept());
          to.setFinish(rollout->getFinish());
          if (has_reference_) {
            const auto scores = from.scores->read();
            wire::fill_list(to.initReferenceLogprobs(scores->getLogprobs().size()),
                            scores->getLogprobs());
          }
          const auto verdict = from.verdict->read();
          to.setScore(verdict->getScore());
          to.setComponents(verdict->getComponents());
          to.setText(from.text);
        }
      },
      words);
}

}  // namespace thespis
