#pragma once
// The actor round a Learner: waits for ranks that are nodes, asks the conductor for a batch, has it
// computed, publishes the weights, reports, asks again. It never holds up its mailbox.

#include <memory>
#include <vector>

#include "actors/base/messages.hpp"
#include "actors/learner/learner.hpp"
#include "runtime/cluster/weight_channel.hpp"
#include "runtime/env/clock.hpp"
#include "runtime/env/compute.hpp"

namespace thespis {

struct LearnedStep;  // What a job on the compute seam comes back with.

struct LearnerOptions {
  std::shared_ptr<learner::Learner> learner;  ///< Touched on the compute seam only, once started.
  std::shared_ptr<cluster::WeightSink> publisher;  ///< None: all workers are in this process.
  env::Compute* compute = nullptr;
  const env::Clock* clock = nullptr;
  config::Recipe recipe;
  std::chrono::milliseconds announce_deadline{30'000};  ///< For a worker to fetch weights.
  caf::actor hub;  ///< Endpoint of the first rank, where other ranks are nodes; else none.
  /// What the learner was restored from, if anything; outlives the actor.
  const LearnerSnapshot* restored = nullptr;

  uint32_t remote_ranks() const { return hub ? recipe.train.ranks - recipe.train.local_ranks : 0; }
};

class LearnerActor : public caf::event_based_actor {
 public:
  LearnerActor(caf::actor_config& config, LearnerOptions options);
  const char* name() const override { return "learner"; }

  /// Lets go of whoever refers back to it, or none of them would ever be freed.
  void on_exit() override;

 protected:
  caf::behavior make_behavior() override;

 private:
  struct Subscriber {
    caf::actor handle;
    bool remote;
    bool reference;         ///< Wants the frozen policy, not the newest.
    uint32_t failures = 0;  ///< In a row: it could not get the newest weights.
    bool waits = false;     ///< To be told again.
  };
  // A worker without weights is told again, ever more seldom, for as long as it is there: a
  // reference is told of its weights once only, and would be of no use without them.
  static constexpr std::chrono::milliseconds kRetryFirst{200}, kRetryLast{15'000};
  void subscribe(Subscriber newcomer);
  uint32_t on_rank(const caf::actor& worker);
  void begin();
  void on_join_deadline();
  void fail(const LearnedStep& failed);
  void send_to_ranks(const Batch& batch);
  void ask();
  void compute(Batch batch);
  void on_step(LearnedStep& learned);
  void on_ack(const caf::actor& worker, uint64_t version, const wire::WeightAck::Reader& ack);
  void tell(const Subscriber& subscriber);
  void tell_later(const caf::actor& worker, uint64_t version);
  void tell_again(const caf::actor& worker);

  LearnerOptions options_;
  caf::actor conductor_;
  std::vector<Subscriber> subscribers_;
  std::vector<caf::actor> ranks_;  // On other nodes, as far as they have joined.
  std::shared_ptr<const model::Policy> policy_, reference_;
  // What is announced to other processes; none before a remote worker came or where all are local.
  wire::Message<wire::WeightManifest> policy_manifest_, reference_manifest_;
  bool published_ = false;
  env::Nanoseconds asked_at_{0};
};

}  // namespace thespis

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(std::shared_ptr<thespis::LearnedStep>)
