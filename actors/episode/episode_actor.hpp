#pragma once
// The actor round an Episode: asks the sampler pool for G rollouts, sends each on to the rewards
// and the reference the moment it arrives, and hands the whole group to the conductor. It ends with
// its group.
// A part that the pools gave up drops the group: a failure to judge is never a score (VERDICT).

#include <memory>

#include "actors/episode/episode.hpp"
#include "actors/episode/jobs.hpp"

namespace thespis {

class EpisodeActor : public caf::event_based_actor {
 public:
  EpisodeActor(caf::actor_config& config, std::shared_ptr<const EpisodeContext> context,
               caf::actor conductor, Episode::Identity identity, uint64_t reference_version);
  const char* name() const override { return "episode"; }

 protected:
  caf::behavior make_behavior() override;

 private:
  void generate(uint32_t sample);
  void on_rollout(uint32_t sample, const wire::Message<wire::Rollout>& rollout);
  void judge(uint32_t sample, const wire::Message<wire::Rollout>& rollout, const std::string& text);
  void score(uint32_t sample, const wire::Message<wire::Rollout>& rollout);
  void commit_if_complete();
  void drop(const std::string& why);
  JobKey key(uint32_t sample) const { return {episode_.identity().group, sample}; }

  std::shared_ptr<const EpisodeContext> context_;
  caf::actor conductor_;
  Episode episode_;
  uint64_t reference_version_;
};

}  // namespace thespis
