#pragma once
// Measures one policy version on held-out prompts, beside the training: a client of the reward pool
// like any other, with a sampler of its own that is pinned to that version. One evaluation at a
// time. A completion that cannot be judged is left out and counted (VERDICT); an evaluation of
// which nothing could be judged fails.

#include <deque>
#include <memory>
#include <vector>

#include "actors/base/messages.hpp"
#include "actors/conductor/conductor_actor.hpp"
#include "actors/evaluator/vote.hpp"

namespace thespis {

struct EvaluatorOptions {
  caf::actor sampler;  ///< Nobody else's: it serves the version under evaluation.
  caf::actor rewards;
  std::vector<PromptText> prompts;
  std::shared_ptr<const EpisodeContext> episodes;  ///< Lengths, stop tokens, seed, verifier.
  float temperature = 1;
  /// Name of the verdict's component that says "correct"; its value is then 1.
  std::string accuracy = "accuracy";
};

class EvaluatorActor : public caf::event_based_actor {
 public:
  EvaluatorActor(caf::actor_config& config, EvaluatorOptions options);
  const char* name() const override { return "evaluator"; }
  /// Promises refer back to their actor: with them it would never be freed.
  void on_exit() override { orders_.clear(); }

 protected:
  caf::behavior make_behavior() override;

 private:
  struct Order {
    std::shared_ptr<const model::Policy> policy;
    uint32_t samples;
    caf::response_promise promise;
  };
  void begin();
  void generate(uint32_t prompt, uint32_t sample);
  void judge(uint32_t prompt, uint32_t sample, const wire::Message<wire::Rollout>& rollout);
  void on_verdict(uint32_t prompt, uint32_t sample, const wire::Verdict::Reader& verdict);
  void finish();
  void miss(uint32_t prompt, uint32_t sample, const caf::error& error);
  void count_down();

  EvaluatorOptions options_;
  std::deque<Order> orders_;  // The first is under way. At most one for each evaluation of a run.
  uint64_t round_ = 0;        // Answers of a failed evaluation are told apart by it.
  std::vector<std::vector<JudgedSample>> judged_;
  std::vector<std::vector<bool>> unjudged_;  // As judged_.
  uint64_t missing_ = 0, unjudged_count_ = 0, tokens_ = 0, well_formed_ = 0;
  caf::error last_error_;
  env::Nanoseconds started_{0};
};

}  // namespace thespis
