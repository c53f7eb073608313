#include "actors/front/front_desk_actor.hpp"

#include <utility>

namespace thespis {

FrontDeskActor::FrontDeskActor(caf::actor_config& config, FrontDeskOptions options)
    : caf::event_based_actor(config), options_(std::move(options)) {}

caf::behavior FrontDeskActor::make_behavior() {
  return {
      [this](const wire::Message<wire::RunRequest>&) {
        return wire::Message<wire::RunDescription>::build([this](wire::RunDescription::Builder d) {
          d.setRunId(options_.run_id);
          d.setRecipe(options_.recipe);
          d.setModelConfig(options_.model_config);
          d.setTokenizer(options_.tokenizer);
        });
      },
      [this](const wire::Message<wire::WorkerJoin>& join) { return on_join(join); },
      [this](const wire::Message<wire::WorkerLeave>& leave) {
        const auto it = desks_.find(leave.read()->getWorkerId());
        if (it == desks_.end()) return;
        send(it->second.pool, leave_atom::value, it->second.pool_id);
        desks_.erase(it);
      },
  };
}

caf::result<wire::Message<wire::WorkerAccepted>> FrontDeskActor::on_join(
    const wire::Message<wire::WorkerJoin>& join) {
  const auto view = join.read();
  const std::string role = view->getRole();
  const uint32_t capacity = view->getCapacity();
  const auto worker = caf::actor_cast<caf::actor>(current_sender());
  const caf::actor pool = role == "sampler"                           ? options_.samplers
                          : role == "reference"                       ? options_.references
                          : role == options_.reward_role              ? options_.rewards
                          : role == "learner" && options_.takes_ranks ? options_.learner
                                                                      : caf::actor{};
  if (!pool || !worker || capacity == 0)
    return caf::make_error(caf::sec::invalid_argument,
                           "this run has no use for a worker of role '" + role +
                               "': it takes sampler, " + options_.reward_role +
                               (options_.takes_ranks ? ", learner" : "") +
                               " and, with a KL term, reference");
  auto promise = make_response_promise();
  request(pool, caf::infinite, worker_atom::value, worker, capacity)
      .then(
          [this, promise, pool, role, worker](uint32_t pool_id) mutable {
            const uint32_t id = next_id_++;
            desks_.emplace(id, Desk{pool, pool_id});
            if (role == "sampler" || role == "reference")
              send(options_.learner, subscribe_atom::value, worker, /*remote=*/true,
                   /*reference=*/role == "reference");
            promise.deliver(wire::Message<wire::WorkerAccepted>::build(
                [id](wire::WorkerAccepted::Builder accepted) { accepted.setWorkerId(id); }));
          },
          [promise](const caf::error& refused) mutable { promise.deliver(refused); });
  return promise;
}

}  // namespace thespis
