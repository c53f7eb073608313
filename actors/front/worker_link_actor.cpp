#include "actors/front/worker_link_actor.hpp"

#include <utility>

#include "actors/base/failure.hpp"
#include "runtime/env/mutant.hpp"

namespace thespis {

WorkerLinkActor::WorkerLinkActor(caf::actor_config& config, WorkerLinkOptions options)
    : caf::event_based_actor(config), options_(std::move(options)) {
  set_down_handler([this](caf::down_msg& down) {
    if (THESPIS_MUTANT(link_outlives_its_run)) return;
    if (down.source == options_.front && down.reason == kBeginsAgain) return quit(kBeginsAgain);
    const std::string who = down.source == options_.worker ? "the worker ended" : "the run ended";
    const std::string why = down.reason ? ": " + reason_of(system(), down.reason) : "";
    quit(caf::make_error(caf::sec::runtime_error, who + why));
  });
}

caf::behavior WorkerLinkActor::make_behavior() {
  monitor(options_.front);
  monitor(options_.worker);
  const auto hello = wire::Message<wire::WorkerJoin>::build([this](wire::WorkerJoin::Builder join) {
    join.setRole(options_.role);
    join.setCapacity(options_.capacity);
  });
  request(options_.front, options_.join_deadline, hello)
      .then(
          [this](const wire::Message<wire::WorkerAccepted>& accepted) {
            worker_id_ = accepted.read()->getWorkerId();
          },
          [this](const caf::error& error) { quit(error); });
  return {
      pass_on<wire::Generate>(),
      pass_on<wire::Judge>(),
      pass_on<wire::Score>(),
      pass_on<wire::Cancel>(),
      pass_on<wire::WeightManifest>(),
      pass_on<wire::RankPlace>(),
      pass_on<wire::RankPiece>(),
      pass_on<wire::RankFailure>(),
      pass_on<wire::Group>(),
      pass_on<wire::LearnerStep>(),
      [this](leave_atom) {
        if (worker_id_ != 0)
          send(options_.front,
               wire::Message<wire::WorkerLeave>::build(
                   [this](wire::WorkerLeave::Builder leave) { leave.setWorkerId(worker_id_); }));
        quit();
      },
  };
}

}  // namespace thespis
