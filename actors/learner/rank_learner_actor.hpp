#pragma once
// A learner that is one rank of a training elsewhere: gets its place from the first rank, then the
// groups of every step, and does with them what the first does. What it learned stays in its range;
// its results go to the first.

#include <functional>
#include <memory>

#include "actors/base/messages.hpp"
#include "actors/learner/learner.hpp"
#include "runtime/collective/cluster_group.hpp"
#include "runtime/env/clock.hpp"
#include "runtime/env/compute.hpp"

namespace thespis {

struct RankLearnerOptions {
  config::Recipe recipe;
  model::ModelConfig model;
  Engine* engine = nullptr;
  env::Compute* compute = nullptr;
  const env::Clock* clock = nullptr;
};

class RankLearnerActor : public caf::event_based_actor {
 public:
  RankLearnerActor(caf::actor_config& config, RankLearnerOptions options);
  const char* name() const override { return "rank learner"; }
  /// Ends its rank, and so an operation that its thread waits in.
  void on_exit() override { group_.reset(); }

 protected:
  caf::behavior make_behavior() override;

 private:
  struct State;  // Touched on the compute seam only.
  void take_place(const wire::RankPlace::Reader& place);
  void step(const wire::LearnerStep::Reader& step);
  void compute(std::function<void(State&)> work);

  const RankLearnerOptions options_;
  const std::shared_ptr<State> state_;
  std::unique_ptr<collective::ClusterGroup> group_;
  Batch batch_;  // As far as its groups have come.
};

}  // namespace thespis
