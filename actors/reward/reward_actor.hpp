#pragma once
// Judges completions by rules. One worker works on several jobs at a time and never blocks: what
// takes long (a delay asked for by the recipe now, running programs later) goes on beside it.
//   RW-1  Whatever goes wrong while judging is an error to the pool, never a score (VERDICT).

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "actors/base/job_key.hpp"
#include "actors/base/messages.hpp"

namespace thespis {

/// What the rules say of one completion.
struct Judgement {
  float score = 0;
  std::vector<std::pair<std::string, float>> components;
  std::string answer;  ///< Canonical, for majority votes; empty: none.
  std::string detail;
};

/// A rule: pure, callable from any thread. Throws Error where it cannot judge.
using JudgeRule = std::function<Judgement(const wire::Judge::Reader&)>;

struct RewardOptions {
  JudgeRule rule;
  /// Seconds that each answer is held back, for experiments with slow rewards; none: no delay.
  std::function<double(const JobKey&)> delay_s;
};

class RewardActor : public caf::event_based_actor {
 public:
  RewardActor(caf::actor_config& config, RewardOptions options);
  const char* name() const override { return "reward"; }

  /// Promises refer back to their actor: with them it would never be freed.
  void on_exit() override { delayed_.clear(); }

 protected:
  caf::behavior make_behavior() override;

 private:
  caf::result<wire::Message<wire::Verdict>> judge(const wire::Message<wire::Judge>& job);

  RewardOptions options_;
  // Verdicts that wait out their delay; bounded by the worker's credit.
  std::map<uint64_t, std::pair<caf::response_promise, wire::Message<wire::Verdict>>> delayed_;
  uint64_t next_id_ = 1;
};

/// The delay of one job: a function of the seed and the job alone. Seconds.
double reward_delay_s(double mean_s, double sigma, uint64_t seed, uint64_t group, uint32_t sample);

}  // namespace thespis
