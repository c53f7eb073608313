#pragma once
// The promises of the house, checked while a simulated cluster runs, against a truth of its own:
// what was really sampled, under which weights, and what a judge really says. Nothing here is told
// by the actors under test but what they do.

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "schemas/group.capnp.h"
#include "sim/scenario/scenario.hpp"

namespace thespis::sim {

struct Violation {
  std::string promise;  ///< "ONCE"
  std::string text;
};

/// What the rules say of a completion, as every simulated judge should: a function of the two
/// texts.
float true_score(std::string_view task, std::string_view completion);

/// Of a completion's tokens.
uint64_t fingerprint(std::span<const int32_t> tokens);

class Checker {
 public:
  explicit Checker(const Scenario& scenario) : scenario_(scenario) {}

  /// The first violation is kept: what comes after it may only follow from it.
  void violation(const std::string& promise, const std::string& text);
  const std::optional<Violation>& first() const { return first_; }

  // Truth, told by the engine and the weight channel.
  void made_weights(uint64_t version, uint64_t checksum);
  void sampled(uint64_t group, std::span<const int32_t> tokens, std::span<const uint64_t> versions);
  void poisoned(uint64_t group, uint32_t sample);

  // What is done with it.
  void serves(const std::string& node, uint64_t version, uint64_t checksum);
  void batch(uint64_t step, const std::vector<wire::Group::Reader>& groups);
  void gradient(uint64_t version, std::span<const int32_t> tokens,
                std::span<const float> dloss_dlogp);
  /// A group was taken for a step.
  void consumed(uint64_t step, uint64_t group, uint64_t prompt, uint64_t admitted_version);
  /// The oldest token of a step that got a gradient.
  void aged(uint64_t step, uint64_t age);
  void compared(uint64_t step, uint64_t logprobs, uint64_t mismatches);
  void stepped(uint64_t step, uint64_t version, uint64_t logprobs, uint64_t mismatches);
  void counted(uint64_t consumed, uint64_t ready, uint64_t open);
  void dropped(uint64_t group, const std::string& why);
  void resumed(uint64_t step);
  /// A run ended with an error, the `count`th.
  void run_failed(uint64_t count, const std::string& why);
  void queue(const std::string& name, uint64_t bytes, uint64_t bytes_max);
  /// Jobs that the workers of a role hold together.
  void held(const std::string& role, uint64_t jobs, uint64_t jobs_max);
  /// The journal of the finished run.
  void audit(std::span<const std::string> journal);

  uint64_t steps_done() const { return steps_done_; }
  uint64_t consumed() const { return consumed_at_.size(); }
  uint64_t dropped_count() const { return dropped_; }
  uint64_t tokens() const { return tokens_; }
  uint64_t age_sum(uint64_t age) const { return age < ages_.size() ? ages_[age] : 0; }
  size_t ages() const { return ages_.size(); }
  /// Completions that are still remembered; bounded by what is open.
  size_t remembered() const { return truth_.size(); }

 private:
  struct Truth {
    uint64_t group;
    std::vector<std::pair<uint32_t, uint64_t>> versions;  // From this position on, this version.
    uint64_t at(size_t position) const;
  };
  void forget(uint64_t group);

  const Scenario& scenario_;
  std::optional<Violation> first_;
  std::map<uint64_t, uint64_t> checksums_;
  std::unordered_map<uint64_t, Truth> truth_;  // By fingerprint.
  std::unordered_map<uint64_t, std::vector<uint64_t>> of_group_;
  std::map<uint64_t, uint64_t> consumed_at_;  // Prompt -> step.
  std::vector<uint64_t> in_batch_;            // Groups.
  std::map<std::pair<uint64_t, uint32_t>, uint32_t> poisonings_;
  uint64_t steps_done_ = 0, dropped_ = 0, tokens_ = 0;
  std::vector<uint64_t> ages_;  // Tokens with a gradient, by age.
};

}  // namespace thespis::sim
