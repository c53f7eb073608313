#pragma once
// The frozen policy: log-probabilities of given tokens. Gathers what waits into one scoring pass.
//   R-1  A job is scored under exactly the reference version it names: it waits for it if it is
//        newer than what is here, and is refused if it is no longer kept.

#include <deque>
#include <map>
#include <memory>

#include "actors/base/engine.hpp"
#include "actors/base/messages.hpp"
#include "actors/base/waiting_jobs.hpp"
#include "actors/base/weight_receiver.hpp"
#include "runtime/env/compute.hpp"

namespace thespis {

struct ReferenceOptions {
  Engine* engine = nullptr;
  env::Compute* compute = nullptr;
  std::shared_ptr<WeightReceiver> receiver;  ///< Only where weights come from another process.
  uint64_t tokens_per_pass = 16384;  ///< So that an answer does not wait for all of a queue.
};

class ReferenceActor : public caf::event_based_actor {
 public:
  ReferenceActor(caf::actor_config& config, ReferenceOptions options);
  const char* name() const override { return "reference"; }
  /// Promises refer back to their actor: with them it would never be freed.
  void on_exit() override { waiting_.clear(); }

 protected:
  caf::behavior make_behavior() override;

 private:
  static constexpr size_t kVersionsKept = 2;  // The frozen policy and the one it replaces.
  using Waiting = WaitingJob<wire::Score>;
  struct Pass;
  void install(std::shared_ptr<const model::Policy> policy);
  void advance();

  ReferenceOptions options_;
  std::map<uint64_t, std::shared_ptr<const model::Policy>> policies_;  // By version.
  std::deque<Waiting> waiting_;  // Bounded by the pool's credit.
  bool busy_ = false;
};

}  // namespace thespis
