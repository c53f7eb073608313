#pragma once
// What the actors of one process say to each other beside the messages of schemas/: handles, shared
// weights, reports. None of these crosses a node; whatever does is a wire::Message.

#include <caf/all.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "actors/learner/step_report.hpp"
#include "model/engine/policy.hpp"
#include "runtime/wire/message.hpp"
#include "schemas/cluster.capnp.h"
#include "schemas/group.capnp.h"
#include "schemas/ranks.capnp.h"
#include "schemas/rollout.capnp.h"
#include "schemas/weights.capnp.h"

namespace thespis {

/// New weights for a worker of the learner's own process: shared, never copied.
struct PolicyUpdate {
  std::shared_ptr<const model::Policy> policy;
};

/// The groups of one step, oldest first. Empty: the data has ended, there is no further step.
struct Batch {
  std::vector<wire::Message<wire::Group>> groups;
};

/// What the learner hands over where a checkpoint is due: everything of it that must not be lost.
struct LearnerSnapshot {
  std::shared_ptr<const model::Policy> policy;
  std::shared_ptr<const model::Policy> reference;
  std::vector<float> first_moment, second_moment;
  uint64_t optimizer_steps = 0;
};

/// One optimizer step is done. `snapshot` only where a checkpoint is due.
struct Stepped {
  StepReport report;
  std::shared_ptr<const model::Policy> policy;
  uint64_t reference_version = 0;
  std::shared_ptr<const LearnerSnapshot> snapshot;
};

struct PoolStats {
  uint64_t waiting = 0, waiting_bytes = 0, running = 0, workers = 0;
};

/// Held-out accuracy of one policy version.
struct EvalReport {
  uint64_t version = 0;
  uint32_t prompts = 0, samples = 0;
  uint64_t unjudged = 0;   ///< Completions that nobody could write or judge: they count as none.
  double pass_at_1 = 0;    ///< Mean over prompts and samples.
  double cons = 0;         ///< Majority vote over the samples of a prompt is right.
  double format = 0;       ///< Share of well-formed completions.
  double length_mean = 0;  ///< Tokens.
  double seconds = 0;
};

/// The run is over; `error` is empty where it went well.
struct RunEnded {
  std::string error;
  bool rank_lost = false;  ///< What ended it: the last checkpoint can be gone on from.
};

}  // namespace thespis

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(caf::response_promise)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(thespis::PolicyUpdate)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(thespis::Batch)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(thespis::StepReport)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(thespis::Stepped)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(thespis::PoolStats)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(thespis::EvalReport)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(thespis::RunEnded)

namespace thespis {

using tick_atom = caf::atom_constant<caf::atom("tick")>;
using start_atom = caf::atom_constant<caf::atom("start")>;
using step_atom = caf::atom_constant<caf::atom("step")>;
using batch_atom = caf::atom_constant<caf::atom("batch")>;
using worker_atom = caf::atom_constant<caf::atom("worker")>;
using leave_atom = caf::atom_constant<caf::atom("leave")>;
using subscribe_atom = caf::atom_constant<caf::atom("subscribe")>;
using stats_atom = caf::atom_constant<caf::atom("stats")>;
using dropped_atom = caf::atom_constant<caf::atom("dropped")>;
using saved_atom = caf::atom_constant<caf::atom("saved")>;
using failed_atom = caf::atom_constant<caf::atom("failed")>;
using evaluate_atom = caf::atom_constant<caf::atom("evaluate")>;
using room_atom = caf::atom_constant<caf::atom("room")>;
using alarm_atom = caf::atom_constant<caf::atom("alarm")>;
using journal_atom = caf::atom_constant<caf::atom("journal")>;

}  // namespace thespis
