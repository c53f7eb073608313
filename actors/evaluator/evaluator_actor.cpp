#include "actors/evaluator/evaluator_actor.hpp"

#include <utility>

#include "actors/pool/ask.hpp"
#include "runtime/env/mutant.hpp"
#include "runtime/wire/lists.hpp"

namespace thespis {
namespace {

// Sets evaluation apart from training: in job ids, and so in the keys of random numbers.
constexpr uint64_t kEvaluationStream = uint64_t{1} << 63;

}  // namespace

EvaluatorActor::EvaluatorActor(caf::actor_config& config, EvaluatorOptions options)
    : caf::event_based_actor(config), options_(std::move(options)) {}

caf::behavior EvaluatorActor::make_behavior() {
  return {
      [this](evaluate_atom, PolicyUpdate& update, uint32_t samples) -> caf::result<EvalReport> {
        auto promise = make_response_promise();
        orders_.push_back({std::move(update.policy), samples, promise});
        if (orders_.size() == 1) begin();
        return promise;
      },
  };
}

void EvaluatorActor::begin() {
  const Order& order = orders_.front();
  ++round_;
  started_ = options_.episodes->clock->now();
  tokens_ = well_formed_ = unjudged_count_ = 0;
  missing_ = options_.prompts.size() * order.samples;
  judged_.assign(options_.prompts.size(), std::vector<JudgedSample>(order.samples));
  unjudged_.assign(options_.prompts.size(), std::vector<bool>(order.samples));
  send(options_.sampler, PolicyUpdate{order.policy});
  for (uint32_t prompt = 0; prompt < options_.prompts.size(); ++prompt)
    for (uint32_t sample = 0; sample < order.samples; ++sample) generate(prompt, sample);
}

void EvaluatorActor::generate(uint32_t prompt, uint32_t sample) {
  auto job = generate_job(*options_.episodes, {kEvaluationStream | prompt, sample},
                          options_.prompts[prompt].tokens, options_.temperature,
                          orders_.front().policy->version());
  request(options_.sampler, caf::infinite, std::move(job))
      .then(
          [this, prompt, sample, round = round_](const wire::Message<wire::Rollout>& rollout) {
            if (round == round_) judge(prompt, sample, rollout);
          },
          [this, prompt, sample, round = round_](const caf::error& error) {
            if (round == round_) miss(prompt, sample, error);
          });
}

void EvaluatorActor::judge(uint32_t prompt, uint32_t sample,
                           const wire::Message<wire::Rollout>& rollout) {
  const auto view = rollout.read();
  const auto tokens = wire::to_vector<int32_t>(view->getTokens());
  tokens_ += tokens.size();
  const auto job =
      judge_job(*options_.episodes, options_.prompts[prompt].task, *view,
                options_.episodes->tokenizer->decode(tokens, model::SpecialTokens::kSkip));
  ask<wire::Verdict>(
      *this, options_.rewards, job,
      [this, prompt, sample, round = round_](const wire::Message<wire::Verdict>& verdict) {
        if (round == round_) on_verdict(prompt, sample, *verdict.read());
      },
      [this, prompt, sample, round = round_](const caf::error& error) {
        if (round == round_) miss(prompt, sample, error);
      });
}

void EvaluatorActor::on_verdict(uint32_t prompt, uint32_t sample,
                                const wire::Verdict::Reader& verdict) {
  JudgedSample& judged = judged_[prompt][sample];
  judged.answer = verdict.getAnswer();
  for (const auto component : verdict.getComponents()) {
    if (options_.accuracy == component.getName().cStr()) judged.correct = component.getValue() >= 1;
    if (component.getName() == "format") well_formed_ += component.getValue() > 0;
  }
  count_down();
}

void EvaluatorActor::miss(uint32_t prompt, uint32_t sample, const caf::error& error) {
  unjudged_[prompt][sample] = true;
  ++unjudged_count_;
  last_error_ = error;
  count_down();
}

void EvaluatorActor::count_down() {
  if (--missing_ == 0) finish();
}

void EvaluatorActor::finish() {
  Order order = std::move(orders_.front());
  orders_.pop_front();
  EvalReport report;
  report.version = order.policy->version();
  report.prompts = static_cast<uint32_t>(judged_.size());
  report.samples = order.samples;
  report.unjudged = unjudged_count_;
  uint64_t judged = judged_.size() * order.samples - unjudged_count_;
  if (THESPIS_MUTANT(evaluator_fails_for_one) && unjudged_count_ > 0) judged = 0;
  if (judged == 0) {
    order.promise.deliver(last_error_);
    if (!orders_.empty()) begin();
    return;
  }
  double prompts = 0;
  for (size_t p = 0; p < judged_.size(); ++p) {
    std::vector<JudgedSample> samples;
    for (size_t s = 0; s < judged_[p].size(); ++s)
      if (!unjudged_[p][s]) samples.push_back(judged_[p][s]);
    if (samples.empty()) continue;
    ++prompts;
    report.pass_at_1 += pass_at_1(samples);
    report.cons += majority_is_correct(samples);
  }
  report.pass_at_1 /= prompts;
  report.cons /= prompts;
  report.format = static_cast<double>(well_formed_) / static_cast<double>(judged);
  report.length_mean = static_cast<double>(tokens_) / static_cast<double>(judged);
  report.seconds = env::seconds(options_.episodes->clock->now() - started_);
  order.promise.deliver(std::move(report));
  if (!orders_.empty()) begin();
}

}  // namespace thespis
