#pragma once
// Which groups were admitted, are ready, were consumed: what makes every prompt count exactly once
// and bounds the age of every token.
//   L-1  admitted - ended <= (max_age + 1) * groups_per_step, where ended = consumed + filtered +
//        dropped; a step's worth less while the step of the newest version is under way, which
//        consumes nothing that is admitted now.
//   L-2  A group ends exactly once: consumed, filtered (no signal in it) or dropped (never judged).
//   L-3  A group admitted at version a is consumed at a version v <= a + max_age: the learner may
//        overtake a slow group only while every open group can still be consumed in time.
//   L-4  Groups are admitted in the order of prompts, without gaps; a resumed ledger admits first
//        what was open, under the old numbers.

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "runtime/wire/message.hpp"
#include "schemas/training_state.capnp.h"

namespace thespis {

class Ledger {
 public:
  struct Limits {
    uint32_t groups_per_step = 0;
    uint32_t max_age = 0;
    uint64_t prompt_count = UINT64_MAX;  ///< Prompts of the whole run, epochs counted through.
  };
  struct Admission {
    uint64_t group;
    uint64_t prompt_index;
  };
  enum class Fate { kConsumed, kFiltered, kDropped };

  explicit Ledger(Limits limits);
  /// Continues from a checkpoint: what was open will be admitted again, first.
  static Ledger restore(Limits limits, const wire::LedgerState::Reader& state);
  void save(wire::LedgerState::Builder state) const;

  /// The next group to start under weights of `version`; nullopt: the bound (L-1) or the data's
  /// end.
  std::optional<Admission> admit(uint64_t version);
  /// An episode finished its group. False: not open, or ready already (a late second commit).
  bool commit(uint64_t group);
  /// Ends an open group. False: it had ended already (L-2).
  bool end(uint64_t group, Fate fate);
  /// The groups of the step that version `version` takes, oldest first, and marks them consumed;
  /// nullopt: not enough is ready, or an older group must be waited for (L-3). At the end of the
  /// data the last step may be smaller.
  std::optional<std::vector<uint64_t>> take_step(uint64_t version);

  /// The open group that take_step() waits for first: the oldest one that is not ready.
  std::optional<uint64_t> waited_for() const;
  bool exhausted() const;  ///< All prompts admitted and none open.
  uint64_t admitted() const { return consumed_ + filtered_ + dropped_ + open_.size(); }
  uint64_t consumed() const { return consumed_; }
  uint64_t filtered() const { return filtered_; }
  uint64_t dropped() const { return dropped_; }
  size_t open_count() const { return open_.size(); }
  /// Of groups that are open at once (L-1).
  uint64_t open_max() const { return (uint64_t{limits_.max_age} + 1) * limits_.groups_per_step; }
  size_t ready_count() const { return ready_count_; }

 private:
  struct Open {
    uint64_t prompt_index;
    uint64_t admitted_version;
    bool ready;
  };
  bool feasible_after(const std::vector<uint64_t>& taken, uint64_t version) const;

  Limits limits_;
  uint64_t next_group_ = 0;
  uint64_t next_prompt_ = 0;
  uint64_t next_step_ = 0;         // Versions before it have taken their groups.
  std::map<uint64_t, Open> open_;  // By group number: also the order of age.
  std::deque<Admission> again_;    // Open at the checkpoint, to be admitted first.
  size_t ready_count_ = 0;
  uint64_t consumed_ = 0, filtered_ = 0, dropped_ = 0;
};

}  // namespace thespis
