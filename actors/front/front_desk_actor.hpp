#pragma once
// Where nodes arrive: tells a joining node what the run is, and gives its workers to the pools and
// to the learner's list of subscribers. A worker that leaves or dies is the pools' business.

#include <map>
#include <string>

#include "actors/base/messages.hpp"

namespace thespis {

struct FrontDeskOptions {
  uint64_t run_id = 0;
  std::string recipe;        ///< Resolved, TOML.
  std::string model_config;  ///< config.json.
  std::string tokenizer;     ///< tokenizer.json; empty where samplers need none.
  caf::actor samplers, rewards, references, learner;
  std::string reward_role = "reward";  ///< Of the workers that `rewards` takes.
  bool takes_ranks = false;            ///< Whether some of the learner's ranks are nodes.
};

class FrontDeskActor : public caf::event_based_actor {
 public:
  FrontDeskActor(caf::actor_config& config, FrontDeskOptions options);
  const char* name() const override { return "front desk"; }

 protected:
  caf::behavior make_behavior() override;

 private:
  caf::result<wire::Message<wire::WorkerAccepted>> on_join(
      const wire::Message<wire::WorkerJoin>& join);

  FrontDeskOptions options_;
  struct Desk {
    caf::actor pool;
    uint32_t pool_id;
  };
  std::map<uint32_t, Desk> desks_;  // Workers by the id they were told; grows by one a join.
  uint32_t next_id_ = 1;
};

}  // namespace thespis
