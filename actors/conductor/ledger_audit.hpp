#pragma once
// The proof of ONCE from the ledger's journal: reads the events that the conductor wrote, without
// trusting its counts, and finds every prompt that was consumed twice, lost, or ended without being
// admitted.
//   LA-1  A "resume S" event voids what happened after step S was kept: those prompts count again.

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace thespis {

struct LedgerAudit {
  uint64_t admitted = 0;  ///< Groups, each counted once however often it was asked for.
  uint64_t consumed = 0, filtered = 0, dropped = 0, open = 0;
  uint64_t steps = 0;
  uint64_t resumes = 0;
  std::vector<std::string> violations;  ///< For people; empty: every prompt ended at most once.
};

/// Events as ConductorActor writes them, oldest first:
///   admit GROUP PROMPT VERSION | commit GROUP | consume GROUP VERSION | filter GROUP | drop GROUP
///   WHY step STEP VERSION | resume STEP VERSION
LedgerAudit audit_ledger(std::span<const std::string> events);

}  // namespace thespis
