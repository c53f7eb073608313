#include "sim/check/checker.hpp"

#include <xxhash.h>

#include <algorithm>
#include <utility>

#include "actors/conductor/ledger_audit.hpp"
#include "runtime/wire/lists.hpp"

namespace thespis::sim {
namespace {

constexpr uint64_t kEvaluationStream = uint64_t{1} << 63;

std::string text_of(uint64_t n) {
  return std::to_string(n);
}

}  // namespace

float true_score(std::string_view task, std::string_view completion) {
  const uint64_t hash = XXH3_64bits_withSeed(completion.data(), completion.size(),
                                             XXH3_64bits(task.data(), task.size()));
  return hash % 3 == 0 ? 1.0f : 0.1f;  // Never 0: a failure that became a score would be seen.
}

uint64_t fingerprint(std::span<const int32_t> tokens) {
  return XXH3_64bits(tokens.data(), tokens.size_bytes());
}

uint64_t Checker::Truth::at(size_t position) const {
  auto after = std::upper_bound(versions.begin(), versions.end(), position,
                                [](size_t p, const auto& run) { return p < run.first; });
  return std::prev(after)->second;
}

void Checker::violation(const std::string& promise, const std::string& text) {
  if (!first_) first_ = Violation{promise, text};
}

void Checker::made_weights(uint64_t version, uint64_t checksum) {
  const auto known = checksums_.emplace(version, checksum).first;
  if (known->second != checksum)
    violation("SEED", "weights of version " + text_of(version) + " were made twice, and differ");
}

void Checker::sampled(uint64_t group, std::span<const int32_t> tokens,
                      std::span<const uint64_t> versions) {
  if ((group & kEvaluationStream) != 0) return;
  Truth truth{group, {}};
  for (uint32_t i = 0; i < versions.size(); ++i)
    if (i == 0 || versions[i] != versions[i - 1]) truth.versions.emplace_back(i, versions[i]);
  const uint64_t key = fingerprint(tokens);
  if (truth_.insert_or_assign(key, std::move(truth)).second) of_group_[group].push_back(key);
}

void Checker::forget(uint64_t group) {
  const auto it = of_group_.find(group);
  if (it == of_group_.end()) return;
  for (const uint64_t key : it->second) truth_.erase(key);
  of_group_.erase(it);
}

void Checker::poisoned(uint64_t group, uint32_t sample) {
  if ((group & kEvaluationStream) != 0) return;  // Each evaluation asks anew.
  const uint32_t limit = 1 + scenario_.recipe.rewards.retries;
  if (++poisonings_[{group, sample}] > limit)
    violation("VERDICT", "sample " + text_of(sample) + " of group " + text_of(group) +
                             " killed a reward worker " + text_of(limit + 1) +
                             " times; it should have been set aside after " + text_of(limit));
}

void Checker::serves(const std::string& node, uint64_t version, uint64_t checksum) {
  const auto made = checksums_.find(version);
  if (made == checksums_.end())
    violation("WEIGHTS", node + " serves version " + text_of(version) + ", which nobody made");
  else if (made->second != checksum)
    violation("WEIGHTS", node + " serves altered weights of version " + text_of(version));
}

void Checker::consumed(uint64_t step, uint64_t group, uint64_t prompt, uint64_t admitted_version) {
  const auto [before, is_new] = consumed_at_.emplace(prompt, step);
  if (!is_new)
    return violation("ONCE", "prompt " + text_of(prompt) + " was consumed in step " +
                                 text_of(before->second) + " and again in step " + text_of(step));
  const uint64_t version = step - 1;
  if (admitted_version + scenario_.recipe.train.max_age < version)
    violation("AGE", "group " + text_of(group) + ", admitted at version " +
                         text_of(admitted_version) + ", was consumed at version " +
                         text_of(version));
}

void Checker::batch(uint64_t step, const std::vector<wire::Group::Reader>& groups) {
  in_batch_.clear();
  for (const auto& group : groups) {
    const uint64_t id = group.getId();
    in_batch_.push_back(id);
    consumed(step, id, group.getPromptIndex(), group.getAdmittedVersion());
    if (group.getSamples().size() != scenario_.recipe.rollout.group_size)
      return violation("ONCE", "group " + text_of(id) + " has " +
                                   text_of(group.getSamples().size()) + " samples");
    std::vector<uint64_t> seen;
    for (const auto sample : group.getSamples()) {
      const std::string which = "a sample of group " + text_of(id);
      const auto tokens = wire::to_vector<int32_t>(sample.getTokens());
      const uint64_t key = fingerprint(tokens);
      const auto truth = truth_.find(key);
      if (truth == truth_.end() || truth->second.group != id)
        return violation("ONCE", which + " was never sampled for it");
      if (std::find(seen.begin(), seen.end(), key) != seen.end())
        return violation("ONCE", which + " counts twice");
      seen.push_back(key);
      // Two attempts may differ in nothing but the version of the last token.
      const auto versions = wire::to_vector<uint64_t>(sample.getVersions());
      for (size_t t = 0; t + 1 < versions.size(); ++t)
        if (versions[t] != truth->second.at(t))
          return violation("AGE", which + " names other versions than those that sampled it");
      const std::string_view task(group.getTask().cStr(), group.getTask().size());
      const std::string_view text(sample.getText().cStr(), sample.getText().size());
      if (sample.getScore() != true_score(task, text))
        return violation("VERDICT", which + " has the score " + std::to_string(sample.getScore()) +
                                        "; a judge says " + std::to_string(true_score(task, text)));
    }
  }
}

void Checker::gradient(uint64_t version, std::span<const int32_t> tokens,
                       std::span<const float> dloss_dlogp) {
  const auto truth = truth_.find(fingerprint(tokens));
  if (truth == truth_.end())
    return violation("ONCE", "the learner was given tokens that nobody sampled");
  tokens_ += tokens.size();
  const uint64_t max_age = scenario_.recipe.train.max_age;
  for (size_t t = 0; t < tokens.size(); ++t) {
    if (dloss_dlogp[t] == 0) continue;
    const uint64_t sampled = truth->second.at(t);
    const uint64_t age = version - sampled;
    if (sampled > version || age > max_age)
      return violation("AGE", "a token of group " + text_of(truth->second.group) +
                                  " got a gradient at version " + text_of(version) +
                                  "; it was sampled at " + text_of(sampled));
    if (ages_.size() <= age) ages_.resize(age + 1);
    ++ages_[age];
  }
}

void Checker::aged(uint64_t step, uint64_t age) {
  if (age > scenario_.recipe.train.max_age)
    violation("AGE",
              "a token " + text_of(age) + " steps old got a gradient in step " + text_of(step));
}

void Checker::compared(uint64_t step, uint64_t logprobs, uint64_t mismatches) {
  if (mismatches > 0)
    violation("SAME-MATH", text_of(mismatches) + " of " + text_of(logprobs) +
                               " log-probs differ in step " + text_of(step));
}

void Checker::stepped(uint64_t step, uint64_t version, uint64_t logprobs, uint64_t mismatches) {
  if (step != steps_done_ + 1)
    violation("ONCE", "step " + text_of(step) + " follows step " + text_of(steps_done_));
  if (version != step)
    violation("AGE", "step " + text_of(step) + " made version " + text_of(version));
  compared(step, logprobs, mismatches);
  steps_done_ = step;
  for (const uint64_t group : std::exchange(in_batch_, {})) forget(group);
}

void Checker::counted(uint64_t consumed, uint64_t ready, uint64_t open) {
  const auto& train = scenario_.recipe.train;
  // Of the step under way nothing is known yet: its batch may have been taken, or not.
  if (consumed > consumed_at_.size())
    violation("ONCE", "the ledger counts " + text_of(consumed) +
                          " consumed prompts, the learner had " + text_of(consumed_at_.size()));
  const uint64_t open_max = uint64_t{train.max_age + 1} * train.groups_per_step;
  if (open > open_max || ready > open)
    violation("BOUNDED", text_of(open) + " groups are open, of them " + text_of(ready) +
                             " ready; the bound is " + text_of(open_max));
}

void Checker::dropped(uint64_t group, const std::string& why) {
  if (++dropped_ > scenario_.check.dropped_max)
    violation("ONCE", "group " + text_of(group) + " was dropped, which no fault explains: " + why);
  // The pools' deadlines come first, and say who was waited for: the episode's own is for what
  // everybody forgot.
  if (why.starts_with("its deadline passed"))
    violation("DEADLINE", "group " + text_of(group) + ": " + why);
  forget(group);
}

void Checker::resumed(uint64_t step) {
  if (step > steps_done_)
    violation("ONCE", "resumed at step " + text_of(step) + ", which was never reached");
  steps_done_ = step;
  std::erase_if(consumed_at_, [step](const auto& entry) { return entry.second > step; });
  truth_.clear();
  of_group_.clear();
  in_batch_.clear();
  poisonings_.clear();
}

void Checker::run_failed(uint64_t count, const std::string& why) {
  // The conductor's own watch is for what everybody forgot.
  if (count > scenario_.check.resumes_max || why.starts_with("no progress"))
    violation("DEADLINE", "the run ended, which no fault explains: " + why);
}

void Checker::queue(const std::string& name, uint64_t bytes, uint64_t bytes_max) {
  if (bytes > bytes_max)
    violation("BOUNDED",
              name + " holds " + text_of(bytes) + " bytes; its limit is " + text_of(bytes_max));
}

void Checker::held(const std::string& role, uint64_t jobs, uint64_t jobs_max) {
  if (jobs > jobs_max)
    violation("BOUNDED", "workers of role " + role + " hold " + text_of(jobs) +
                             " jobs; their limit is " + text_of(jobs_max));
}

void Checker::audit(std::span<const std::string> journal) {
  const LedgerAudit audit = audit_ledger(journal);
  if (!audit.violations.empty()) return violation("ONCE", audit.violations.front());
  const auto& train = scenario_.recipe.train;
  if (audit.open > 0) violation("ONCE", text_of(audit.open) + " admitted groups were never ended");
  if (audit.consumed != consumed_at_.size())
    violation("ONCE", "the journal knows " + text_of(audit.consumed) +
                          " consumed prompts, the learner had " + text_of(consumed_at_.size()));
  const bool endless = scenario_.recipe.data.epochs == 0;
  if (endless && audit.consumed != train.steps * train.groups_per_step)
    violation("ONCE", "the run consumed " + text_of(audit.consumed) + " prompts; it should be " +
                          text_of(train.steps * train.groups_per_step));
}

}  // namespace thespis::sim
