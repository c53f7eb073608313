#pragma once
// Writes rollouts: the actor round a Decoder. Decode steps run on the compute seam, a few at a
// time; between two steps it takes new jobs in, gives finished ones back, and installs newer
// weights without dropping what is in flight.
//   S-1  Only the job in flight on the compute seam touches the generator; the actor does so only
//        while none is.
//   S-2  A job starts only under weights of at least its min_version (AGE, SEED).
//   S-3  Weights are served only after their checksum was verified (WEIGHTS).

#include <atomic>
#include <deque>
#include <memory>
#include <unordered_map>

#include "actors/base/engine.hpp"
#include "actors/base/messages.hpp"
#include "actors/base/waiting_jobs.hpp"
#include "actors/base/weight_receiver.hpp"
#include "runtime/env/compute.hpp"

namespace thespis {

struct SamplerOptions {
  model::GeneratorLimits limits;
  Engine* engine = nullptr;
  env::Compute* compute = nullptr;
  std::shared_ptr<WeightReceiver> receiver;  ///< Only where weights come from another process.
  std::shared_ptr<const model::StopStrings> stop_strings;  ///< Or null.
  /// Weights are only of use until the next step takes their place (max_age = 0): a sampler without
  /// work lets them go. They are the learner's own, not another process's.
  bool lets_weights_go = false;
  uint32_t steps_per_turn = 8;  ///< Decode steps before the actor looks at its mailbox again.
};

class SamplerActor : public caf::event_based_actor {
 public:
  SamplerActor(caf::actor_config& config, SamplerOptions options);
  const char* name() const override { return "sampler"; }

  /// Promises refer back to their actor: with them it would never be freed.
  void on_exit() override {
    waiting_.clear();
    active_.clear();
  }

 protected:
  caf::behavior make_behavior() override;

 private:
  struct Active {
    JobKey key;
    caf::response_promise promise;
  };
  void install(std::shared_ptr<const model::Policy> policy);
  void cancel(const wire::Message<wire::Cancel>& message);
  bool may_start(const WaitingJob<wire::Generate>& job) const;
  void start_waiting();
  void rest();
  bool wake();
  void advance();
  void deliver(std::vector<model::FinishedSequence>& finished);

  SamplerOptions options_;
  std::unique_ptr<Decoder> generator_;  // None before the first weights.
  std::shared_ptr<const model::Policy> installed_, pending_;
  std::weak_ptr<const model::Policy> let_go_;  // While it rests; then installed_ is null.
  uint64_t version_ = 0;                       // Installed, or let go.
  std::deque<WaitingJob<wire::Generate>> waiting_;
  std::unordered_map<uint64_t, Active> active_;  // By the generator's sequence id.
  std::vector<uint64_t> cancelled_;              // To be told to the generator at the next turn.
  uint64_t next_id_ = 1;
  bool busy_ = false;
  // Raised by the actor, read by the job in flight: come back, there is news.
  std::shared_ptr<std::atomic<bool>> interrupt_ = std::make_shared<std::atomic<bool>>(false);
};

}  // namespace thespis
