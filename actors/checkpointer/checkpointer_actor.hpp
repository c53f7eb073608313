#pragma once
// Keeps what must not be lost, beside the training and never in its way: all file work is done on a
// compute seam of its own, in the order in which it was asked for.
//   CK-1  The ledger's journal holds every event that a checkpoint's ledger has seen.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actors/base/messages.hpp"
#include "runtime/env/compute.hpp"
#include "runtime/store/checkpoint_store.hpp"
#include "runtime/store/journal.hpp"
#include "schemas/training_state.capnp.h"

namespace thespis {

/// What a checkpoint keeps, gathered in one moment between two steps.
struct CheckpointOrder {
  uint64_t step = 0;
  std::shared_ptr<const LearnerSnapshot> learner;
  wire::Message<wire::LedgerState> ledger;
};

struct CheckpointerOptions {
  std::shared_ptr<store::CheckpointStore> store;
  std::shared_ptr<store::Journal> journal;
  env::Compute* io = nullptr;
  uint64_t run_id = 0;
  std::string recipe;  ///< Resolved, TOML.
};

class CheckpointerActor : public caf::event_based_actor {
 public:
  CheckpointerActor(caf::actor_config& config, CheckpointerOptions options);
  const char* name() const override { return "checkpointer"; }

 protected:
  caf::behavior make_behavior() override;

 private:
  CheckpointerOptions options_;
};

/// A training as a checkpoint holds it.
struct RestoredTraining {
  LearnerSnapshot learner;
  wire::Message<wire::TrainingState> state;
  uint64_t step = 0;
  uint64_t run_id = 0;
  std::string recipe;
};

/// The newest valid checkpoint; nullopt where there is none. `rejected` is called with one line
/// for each newer one that is torn or altered. Throws Error where it is not of this model.
std::optional<RestoredTraining> restore_training(
    store::CheckpointStore& store, const model::ModelConfig& config,
    const std::function<void(const std::string&)>& rejected);

}  // namespace thespis

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(thespis::CheckpointOrder)
