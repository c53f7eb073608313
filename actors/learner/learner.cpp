#include "actors/learner/learner.hpp"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <utility>

#include "actors/learner/advantage.hpp"
#include "runtime/env/mutant.hpp"
#include "runtime/wire/lists.hpp"

namespace thespis::learner {
namespace {

// Sequences of earlier versions that a step compares by scoring them again: enough to catch a
// fault on the first steps, few enough to cost a percent.
constexpr size_t kRecomputedSequences = 4;

bool same_bits(float a, float b) {
  return std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b);
}

}  // namespace

struct Learner::Sequence {
  model::TrainItem item;
  std::vector<float> behaviour, log_kept, reference;
  std::vector<uint8_t> mask;
  double advantage = 0;
  uint64_t version = 0;      ///< That sampled it.
  bool one_version = false;  ///< All of it, under the temperature that it is trained with.
};

model::TrainerLimits trainer_limits(const config::Recipe& recipe) {
  return {
      .micro_batch_tokens = static_cast<uint32_t>(recipe.train.micro_batch_tokens),
      .lanes = recipe.train.grad_lanes,
      .sequence_max = recipe.rollout.max_prompt_length + recipe.rollout.max_response_length - 1};
}

Learner::Learner(const config::Recipe& recipe, std::shared_ptr<const model::Policy> initial,
                 Engine& engine, const TrainerRanks& ranks)
    : train_(recipe.train),
      response_length_max_(recipe.rollout.max_response_length),
      loss_(LossOptions::of(recipe.train)),
      engine_(engine),
      is_first_(ranks.has_first()),
      trainer_(engine.make_trainer(initial,
                                   {recipe.train.beta1, recipe.train.beta2, recipe.train.epsilon,
                                    recipe.train.weight_decay, recipe.train.clip_grad_norm},
                                   trainer_limits(recipe), ranks)),
      reference_(initial),
      recent_{initial} {
  temperature_ = static_cast<float>(recipe.rollout.temperature);
}

void Learner::restore(const LearnerSnapshot& snapshot) {
  trainer_->restore(snapshot.policy, snapshot.first_moment, snapshot.second_moment,
                    snapshot.optimizer_steps);
  reference_ = snapshot.reference;
  recent_ = {snapshot.policy};
}

void Learner::share_state(const LearnerSnapshot* restored) {
  struct {
    uint64_t version, steps;
  } at{policy()->version(), trainer_->step_count()};
  trainer_->broadcast(std::as_writable_bytes(std::span(&at, 1)));
  const uint64_t size = model::WeightLayout::of(policy()->config()).size;
  auto weights = std::make_shared<model::Weights>(policy()->config());
  std::vector<float> first(size), second(size);
  if (is_first_) {
    const auto from = policy()->weights().arena.span();
    std::copy(from.begin(), from.end(), weights->arena.data());
    if (restored != nullptr) first = restored->first_moment, second = restored->second_moment;
  }
  trainer_->broadcast(std::as_writable_bytes(weights->arena.span()));
  for (auto* moment : {&first, &second})
    if (at.steps > 0) trainer_->broadcast(std::as_writable_bytes(std::span(*moment)));
  if (is_first_) return;
  const auto policy =
      std::make_shared<const model::Policy>(*reference_, std::move(weights), at.version);
  trainer_->restore(policy, first, second, at.steps);
  reference_ = policy;
  recent_ = {policy};
}

LearnerSnapshot Learner::snapshot() const {
  // To the host, where a device has them: after the next step it is too late.
  if (is_first_) trainer_->policy()->weights();
  const auto m = trainer_->first_moment(), v = trainer_->second_moment();
  return {trainer_->policy(),
          reference_,
          {m.begin(), m.end()},
          {v.begin(), v.end()},
          trainer_->step_count()};
}

bool is_kept(const config::Recipe& recipe, uint64_t step) {
  return step % recipe.checkpoint.every == 0 || step == recipe.train.steps;
}

double Learner::learning_rate() const {
  const uint64_t step = trainer_->step_count() + 1;
  if (step >= train_.warmup_steps) return train_.learning_rate;
  return train_.learning_rate * static_cast<double>(step) /
         static_cast<double>(train_.warmup_steps);
}

std::vector<Learner::Sequence> Learner::sequences_of(const Batch& batch, StepReport& report) const {
  const uint64_t version = trainer_->policy()->version();
  std::vector<Sequence> sequences;
  AgeStatistics ages;
  double truncated = 0;
  for (const auto& message : batch.groups) {
    const auto group = message.read();
    const auto prompt = wire::to_vector<int32_t>(group->getPrompt());
    std::vector<float> rewards;
    for (const auto sample : group->getSamples()) {
      rewards.push_back(sample.getScore() +
                        overlong_reward(sample.getTokens().size(), response_length_max_,
                                        train_.overlong_buffer, train_.overlong_penalty));
      report.reward += sample.getScore();
      for (const auto c : sample.getComponents()) report.components[c.getName()] += c.getValue();
    }
    const auto advantages = group_advantages(train_.adv_estimator, rewards);
    report.zero_variance_groups += !is_informative(rewards);
    for (unsigned s = 0; s < group->getSamples().size(); ++s) {
      const auto sample = group->getSamples()[s];
      const auto versions = wire::to_vector<uint64_t>(sample.getVersions());
      Sequence q;
      q.item.prompt = prompt;
      q.item.completion = wire::to_vector<int32_t>(sample.getTokens());
      q.item.temperature = temperature_;
      q.behaviour = wire::to_vector<float>(sample.getLogprobs());
      q.log_kept = wire::to_vector<float>(sample.getLogKept());
      q.reference = wire::to_vector<float>(sample.getReferenceLogprobs());
      q.mask = age_mask(versions, version, train_.max_age, ages);
      q.advantage = advantages[s];
      q.version = versions.empty() ? version : versions.front();
      q.one_version = !versions.empty() && versions.front() == versions.back();
      report.tokens += q.item.completion.size();
      report.length_max =
          std::max(report.length_max, static_cast<uint32_t>(q.item.completion.size()));
      truncated += sample.getFinish() == wire::Rollout::Finish::LENGTH;
      sequences.push_back(std::move(q));
    }
  }
  const double n = std::max<double>(1, static_cast<double>(sequences.size()));
  report.groups = static_cast<uint32_t>(batch.groups.size());
  report.samples = static_cast<uint32_t>(sequences.size());
  report.reward /= n;
  for (auto& [name, value] : report.components) value /= n;
  report.length_mean = static_cast<double>(report.tokens) / n;
  for (const Sequence& q : sequences) {
    const double off = static_cast<double>(q.item.completion.size()) - report.length_mean;
    report.length_std += off * off / n;
  }
  report.length_std = std::sqrt(report.length_std);
  report.truncated = truncated / n;
  report.age_mean = ages.age_mean();
  report.age_max = ages.age_max;
  report.tokens_masked = ages.too_old;
  return sequences;
}

StepReport Learner::step(const Batch& batch) {
  StepReport report;
  report.step = trainer_->step_count() + (THESPIS_MUTANT(learner_counts_twice) ? 2 : 1);
  report.learning_rate = learning_rate();
  const auto sequences = sequences_of(batch, report);
  const uint64_t version = trainer_->policy()->version();

  // One slot a sequence, so that the lanes' threads share nothing and the sums have one order.
  struct Slot {
    uint64_t tokens = 0;  // Learned from.
    LossParts parts;
    double entropy = 0;
    uint64_t compared = 0, mismatches = 0;
  };
  std::vector<Slot> slots(sequences.size());
  LossNormaliser normaliser(response_length_max_);
  std::vector<model::TrainItem> items;
  for (const Sequence& q : sequences) {
    slots[items.size()].tokens = normaliser.add(q.mask);
    items.push_back(q.item);
  }
  if (train_.max_age == 0) recent_.clear();
  const auto stats = trainer_->step(
      items,
      [&](const model::ScoredTokens& tokens, std::span<float> dlogprobs) {
        const Sequence& q = sequences[tokens.item];
        Slot& slot = slots[tokens.item];
        const size_t count = tokens.logprobs.size();
        const auto part = [&](const auto& all) {
          return all.empty() ? std::span(all) : std::span(all).subspan(tokens.first, count);
        };
        slot.parts.add(sequence_loss(loss_, normaliser,
                                     {.logprobs = tokens.logprobs,
                                      .behaviour = part(q.behaviour),
                                      .log_kept = part(q.log_kept),
                                      .proximal = {},
                                      .reference = part(q.reference),
                                      .entropies = {},
                                      .mask = part(q.mask),
                                      .sequence_tokens = slot.tokens,
                                      .advantage = q.advantage},
                                     dlogprobs));
        for (size_t t = 0; t < count; ++t)
          if (q.mask[tokens.first + t] != 0) slot.entropy += tokens.entropies[t];
        if (!q.one_version || q.version != version) return;
        slot.compared += count;
        for (size_t t = 0; t < count; ++t)
          slot.mismatches += !same_bits(tokens.logprobs[t], q.behaviour[tokens.first + t]);
      },
      report.learning_rate);

  trainer_->gather_items(std::as_writable_bytes(std::span(slots)));
  LossParts sum;
  for (const Slot& slot : slots) {
    sum.add(slot.parts);
    report.entropy += slot.entropy;
    report.logprobs_compared += slot.compared;
    report.logprob_mismatches += slot.mismatches;
  }
  const double tokens = std::max<double>(1, static_cast<double>(sum.tokens));
  report.entropy /= tokens;
  report.kl = loss_.kl_coef != 0 ? sum.kl_sum / tokens : 0;
  report.clip_fraction = sum.clip_fraction();
  report.loss = sum.loss();
  report.grad_norm = stats.grad_norm;
  if (is_first_) count_mismatches(sequences, version, report);

  const auto policy = trainer_->policy();
  report.policy_version = policy->version();
  recent_.push_back(policy);
  while (recent_.size() > train_.max_age + 1) recent_.pop_front();
  reference_was_reset_ = train_.reference_reset_steps != 0 &&
                         trainer_->step_count() % train_.reference_reset_steps == 0;
  if (reference_was_reset_) {
    reference_ = policy;
    if (is_first_) reference_->weights();  // As in snapshot().
  }
  return report;
}

void Learner::count_mismatches(const std::vector<Sequence>& sequences, uint64_t current,
                               StepReport& report) const {
  size_t left = kRecomputedSequences;
  for (const Sequence& q : sequences) {
    if (left == 0) return;
    if (!q.one_version || q.version == current) continue;
    const auto policy = std::find_if(recent_.begin(), recent_.end(),
                                     [&](const auto& p) { return p->version() == q.version; });
    if (policy == recent_.end()) continue;
    --left;
    const model::ScoreItem item{q.item.prompt, q.item.completion, q.item.temperature};
    const auto scored = engine_.score(**policy, {&item, 1});
    report.logprobs_compared += q.behaviour.size();
    for (size_t t = 0; t < q.behaviour.size(); ++t)
      report.logprob_mismatches += !same_bits(scored[0].logprobs[t], q.behaviour[t]);
  }
}

}  // namespace thespis::learner
