#pragma once
// Runs a training: admits prompts as episodes within the age bound, gathers finished groups, hands
// the learner its batches, orders checkpoints and evaluations, and ends the run.
//   C-1  All bookkeeping of prompts goes through the Ledger (ONCE, AGE); its events are journalled.
//   C-2  Nothing waits for ever: an actor's death, or `stall_deadline` without any progress, ends
//        the run with an error that names who was waited for (DEADLINE). Groups that are dropped,
//        one after another, are no progress: they end it, too, and leave prompts to go on with.

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>

#include "actors/base/messages.hpp"
#include "actors/checkpointer/checkpointer_actor.hpp"
#include "actors/conductor/ledger.hpp"
#include "actors/episode/episode_actor.hpp"
#include "runtime/config/recipe.hpp"

namespace thespis {

/// One prompt of the data set as the conductor needs it.
struct PromptText {
  std::vector<int32_t> tokens;
  std::string task;  ///< The row, as JSON: what the verifier needs.
};

struct ConductorOptions {
  config::Recipe recipe;
  std::shared_ptr<const EpisodeContext> episodes;
  std::function<PromptText(uint64_t index)> prompt_at;  ///< Pure: the same index, the same prompt.
  caf::actor learner, checkpointer, evaluator, recorder;
  std::shared_ptr<Ledger> ledger;  ///< Fresh, or restored from a checkpoint.
  uint64_t steps_done = 0;         ///< Before this process.
  bool resumed = false;            ///< By another process before, be it without a checkpoint.
  uint64_t reference_version = 0;
  std::shared_ptr<const model::Policy> policy;  ///< That the run starts from.
  std::chrono::milliseconds stall_deadline{900'000};
};

/// The prompts' account at the end of a run or of a step.
struct LedgerCounts {
  uint64_t admitted = 0, consumed = 0, filtered = 0, dropped = 0, ready = 0, open = 0;
};

class ConductorActor : public caf::event_based_actor {
 public:
  ConductorActor(caf::actor_config& config, ConductorOptions options);
  const char* name() const override { return "conductor"; }
  void on_exit() override;  ///< Its episodes end with it.

 protected:
  caf::behavior make_behavior() override;

 private:
  void start();
  void admit();
  void on_group(wire::Message<wire::Group> group);
  void on_dropped(uint64_t group, const std::string& why);
  void on_stepped(Stepped& stepped);
  void try_batch();
  void evaluate(std::shared_ptr<const model::Policy> policy, uint32_t samples);
  void finish_if_done();
  void end(const std::string& error, bool rank_lost = false);
  void watch();
  void on_down(const caf::down_msg& down);
  void journal(std::string event) { events_.push_back(std::move(event)); }
  void flush_journal();
  LedgerCounts counts() const;
  bool is_last_step_done() const { return steps_done_ >= options_.recipe.train.steps; }

  ConductorOptions options_;
  Ledger& ledger_;
  uint64_t version_;
  uint64_t steps_done_;
  uint64_t reference_version_;
  std::unordered_map<uint64_t, wire::Message<wire::Group>> ready_;  // Bounded by the ledger (L-1).
  std::unordered_map<uint64_t, caf::actor> episodes_;
  std::vector<std::string> events_;  // Of the ledger, not yet sent to the journal.
  caf::response_promise learner_waits_;
  uint64_t learner_version_ = 0;
  uint64_t filtered_in_step_ = 0;
  uint64_t evaluations_open_ = 0, saves_open_ = 0;
  uint64_t progress_ = 0, progress_seen_ = 0;  // Counts events that move the run on.
  uint64_t dropped_in_row_ = 0;
  bool ended_ = false;
};

}  // namespace thespis

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(thespis::LedgerCounts)
