#include "actors/conductor/ledger_audit.hpp"

#include <algorithm>
#include <set>
#include <sstream>

namespace thespis {
namespace {

/// What is known after one step: a resume goes back to it.
struct State {
  std::map<uint64_t, uint64_t> prompt_of;  // Admitted groups.
  std::set<uint64_t> open;
  std::map<uint64_t, std::string> fate;  // Ended groups.
};

uint64_t count_fate(const State& state, const char* fate) {
  return static_cast<uint64_t>(std::count_if(state.fate.begin(), state.fate.end(),
                                             [&](const auto& f) { return f.second == fate; }));
}

}  // namespace

LedgerAudit audit_ledger(std::span<const std::string> events) {
  LedgerAudit audit;
  State now;
  std::map<uint64_t, State> after_step{{0, {}}};
  const auto violation = [&audit](const std::string& what) {
    constexpr size_t kViolationsMax = 100;
    if (audit.violations.size() < kViolationsMax) audit.violations.push_back(what);
  };
  for (const std::string& event : events) {
    std::istringstream words(event);
    std::string kind;
    uint64_t a = 0, b = 0;
    words >> kind >> a >> b;
    if (kind == "admit") {
      const auto known = now.prompt_of.find(a);
      if (known != now.prompt_of.end() && (known->second != b || !now.open.contains(a)))
        violation("group " + std::to_string(a) + " was admitted again");
      now.prompt_of[a] = b;
      now.open.insert(a);
    } else if (kind == "consume" || kind == "filter" || kind == "drop") {
      if (!now.open.erase(a))
        violation("group " + std::to_string(a) + ": " + kind + ", but it is not open");
      now.fate[a] = kind;
    } else if (kind == "step") {
      after_step[a] = now;
      audit.steps = a;
    } else if (kind == "resume") {
      ++audit.resumes;
      const auto kept = after_step.find(a);
      if (kept == after_step.end()) {
        violation("resumed at step " + std::to_string(a) + ", which was never reached");
        continue;
      }
      now = kept->second;
      after_step.erase(std::next(kept), after_step.end());
    } else if (kind != "commit") {
      violation("unknown event: " + event);
    }
  }
  std::map<uint64_t, uint64_t> consumed_prompts;
  for (const auto& [group, fate] : now.fate)
    if (fate == "consume" && ++consumed_prompts[now.prompt_of[group]] > 1)
      violation("prompt " + std::to_string(now.prompt_of[group]) + " was consumed twice");
  audit.admitted = now.prompt_of.size();
  audit.consumed = count_fate(now, "consume");
  audit.filtered = count_fate(now, "filter");
  audit.dropped = count_fate(now, "drop");
  audit.open = now.open.size();
  uint64_t expected = 0;
  for (const auto& [group, prompt] : now.prompt_of)
    if (group != expected++) violation("a gap before group " + std::to_string(group));
  return audit;
}

}  // namespace thespis
