#include "actors/conductor/ledger.hpp"

#include <algorithm>

#include "runtime/base/assert.hpp"
#include "runtime/env/mutant.hpp"

namespace thespis {

Ledger::Ledger(Limits limits) : limits_(limits) {
  THESPIS_ASSERT(limits.groups_per_step > 0);
}

Ledger Ledger::restore(Limits limits, const wire::LedgerState::Reader& state) {
  Ledger ledger(limits);
  ledger.next_group_ = state.getNextGroup();
  ledger.next_prompt_ = state.getNextPrompt();
  ledger.consumed_ = state.getConsumed();
  ledger.dropped_ = state.getDropped();
  ledger.filtered_ = state.getFiltered();
  if (THESPIS_MUTANT(ledger_reuses_prompts)) ledger.next_prompt_ = 0;
  if (THESPIS_MUTANT(ledger_forgets_open)) return ledger;
  for (const auto open : state.getOpen())
    ledger.again_.push_back({open.getGroup(), open.getPromptIndex()});
  return ledger;
}

void Ledger::save(wire::LedgerState::Builder state) const {
  state.setNextGroup(next_group_);
  state.setNextPrompt(next_prompt_);
  state.setConsumed(consumed_);
  state.setDropped(dropped_);
  state.setFiltered(filtered_);
  auto open = state.initOpen(static_cast<unsigned>(open_.size() + again_.size()));
  unsigned i = 0;
  // open_ and again_ are both in ascending order; what is still to be admitted again is the younger
  // part, since admission takes from its front.
  for (const auto& [group, entry] : open_) {
    open[i].setGroup(group);
    open[i++].setPromptIndex(entry.prompt_index);
  }
  for (const Admission& a : again_) {
    open[i].setGroup(a.group);
    open[i++].setPromptIndex(a.prompt_index);
  }
}

std::optional<Ledger::Admission> Ledger::admit(uint64_t version) {
  // The steps that can still consume it: that of `version` has its groups already, or not yet.
  uint64_t most = open_max();
  if (next_step_ > version && !THESPIS_MUTANT(ledger_counts_step_under_way))
    most -= std::min(most, (next_step_ - version) * limits_.groups_per_step);
  if (THESPIS_MUTANT(ledger_admits_too_much)) most *= 2;
  if (THESPIS_MUTANT(ledger_admits_one_more)) ++most;
  if (open_.size() >= most) return std::nullopt;
  Admission admission;
  if (!again_.empty()) {
    admission = again_.front();
    again_.pop_front();
  } else {
    if (next_prompt_ >= limits_.prompt_count) return std::nullopt;
    admission = {next_group_++, next_prompt_++};
  }
  open_.emplace(admission.group, Open{admission.prompt_index, version, false});
  return admission;
}

bool Ledger::commit(uint64_t group) {
  const auto it = open_.find(group);
  if (it == open_.end() || it->second.ready) return false;
  it->second.ready = true;
  ++ready_count_;
  return true;
}

bool Ledger::end(uint64_t group, Fate fate) {
  const auto it = open_.find(group);
  if (it == open_.end()) return false;
  if (it->second.ready) --ready_count_;
  open_.erase(it);
  ++(fate == Fate::kConsumed ? consumed_ : fate == Fate::kFiltered ? filtered_ : dropped_);
  return true;
}

std::optional<std::vector<uint64_t>> Ledger::take_step(uint64_t version) {
  const bool last = again_.empty() && next_prompt_ >= limits_.prompt_count;
  if (ready_count_ < limits_.groups_per_step && !(last && ready_count_ == open_.size()))
    return std::nullopt;
  std::vector<uint64_t> taken;
  for (const auto& [group, entry] : open_) {
    if (taken.size() == limits_.groups_per_step) break;
    if (entry.ready) taken.push_back(group);
  }
  if (taken.empty() || !feasible_after(taken, version)) return std::nullopt;
  for (const uint64_t group : taken) end(group, Fate::kConsumed);
  next_step_ = version + 1;
  return taken;
}

bool Ledger::feasible_after(const std::vector<uint64_t>& taken, uint64_t version) const {
  // The step at `version` is followed by those at version + 1, + 2, ...: what expires by version +
  // j must fit into j steps (earliest deadline first is optimal, so counting is enough).
  if (THESPIS_MUTANT(ledger_ignores_age)) return true;
  std::map<uint64_t, uint64_t> expiring;  // Last version that may consume -> groups.
  for (const auto& [group, entry] : open_)
    if (!std::binary_search(taken.begin(), taken.end(), group))
      ++expiring[entry.admitted_version + limits_.max_age];
  uint64_t sum = 0;
  for (const auto& [expiry, count] : expiring) {
    sum += count;
    if (expiry <= version) return false;
    if (sum > (expiry - version) * limits_.groups_per_step) return false;
  }
  return true;
}

std::optional<uint64_t> Ledger::waited_for() const {
  for (const auto& [group, entry] : open_)
    if (!entry.ready) return group;
  return std::nullopt;
}

bool Ledger::exhausted() const {
  return again_.empty() && next_prompt_ >= limits_.prompt_count && open_.empty();
}

}  // namespace thespis
