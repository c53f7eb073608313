#include "actors/learner/rank_learner_actor.hpp"

#include <utility>

#include "runtime/base/error.hpp"

namespace thespis {

struct RankLearnerActor::State {
  std::shared_ptr<collective::Communicator> rank;
  std::unique_ptr<learner::Learner> learner;
};

RankLearnerActor::RankLearnerActor(caf::actor_config& config, RankLearnerOptions options)
    : caf::event_based_actor(config),
      options_(std::move(options)),
      state_(std::make_shared<State>()) {}

caf::behavior RankLearnerActor::make_behavior() {
  return {
      [this](const wire::Message<wire::RankPlace>& place) { take_place(*place.read()); },
      [this](const wire::Message<wire::RankPiece>& part) -> caf::result<caf::message> {
        if (!group_) return caf::make_error(caf::sec::invalid_argument, "this rank has no place");
        return delegate(group_->endpoint(), part);
      },
      [this](const wire::Message<wire::RankFailure>& failure) {
        if (group_) send(group_->endpoint(), failure);
      },
      [this](const wire::Message<wire::Group>& group) { batch_.groups.push_back(group); },
      [this](const wire::Message<wire::LearnerStep>& message) { step(*message.read()); },
  };
}

void RankLearnerActor::compute(std::function<void(State&)> work) {
  options_.compute->post(
      [state = state_, work = std::move(work)] {
        try {
          work(*state);
        } catch (const std::exception& error) {
          // The first rank hears of it, and ends or begins again; so will this one.
          state->rank->abort(error.what());
        }
      },
      [] {});
}

void RankLearnerActor::take_place(const wire::RankPlace::Reader& place) {
  const auto& train = options_.recipe.train;
  group_ = std::make_unique<collective::ClusterGroup>(
      system(),
      collective::ClusterGroupOptions{.group = place.getGroup(),
                                      .rank = place.getRank(),
                                      .size = place.getSize(),
                                      .hub = caf::actor_cast<caf::actor>(current_sender()),
                                      .deadline = env::milliseconds(train.rank_deadline_s),
                                      .clock = options_.clock});
  compute([options = options_, rank = group_->communicator()](State& state) {
    state.rank = rank;
    const auto blank = std::make_shared<const model::Policy>(
        std::make_shared<const model::Weights>(options.model), 0);
    state.learner = std::make_unique<learner::Learner>(options.recipe, blank, *options.engine,
                                                       ranks_of(options.recipe.train, {rank}));
    state.learner->share_state(nullptr);
  });
}

void RankLearnerActor::step(const wire::LearnerStep::Reader& step) {
  if (!group_ || step.getGroups() != batch_.groups.size())
    return quit(caf::make_error(caf::sec::runtime_error,
                                "step " + std::to_string(step.getStep()) + " has " +
                                    std::to_string(step.getGroups()) + " groups, " +
                                    std::to_string(batch_.groups.size()) + " have come"));
  compute([batch = std::exchange(batch_, {}), &recipe = options_.recipe](State& state) {
    const StepReport report = state.learner->step(batch);
    if (learner::is_kept(recipe, report.step)) state.learner->snapshot();
  });
}

}  // namespace thespis
