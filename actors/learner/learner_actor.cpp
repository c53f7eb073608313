#include "actors/learner/learner_actor.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "runtime/base/error.hpp"
#include "runtime/env/mutant.hpp"

namespace thespis {

struct LearnedStep {
  Stepped stepped;
  std::shared_ptr<const model::Policy> reference;
  bool reference_was_reset = false;
  wire::Message<wire::WeightManifest> policy_manifest, reference_manifest;
  std::string error;
};

namespace {

/// Who the learner waited for: of the wait, what the slowest verdicts and reference scores account
/// for goes to them, the rest to sampling. A short wait is nobody's fault.
std::string starved_by(const Batch& batch, const StepReport& report) {
  constexpr double kShortWaitShare = 0.05;
  const double wait = report.wait_seconds;
  if (wait < kShortWaitShare * (wait + report.busy_seconds)) return "learner";
  double reward = 0, reference = 0;
  for (const auto& group : batch.groups) {
    const auto timing = group.read()->getTiming();
    reward = std::max(reward, timing.getReward());
    reference = std::max(reference, timing.getReference());
  }
  const double judged = std::max(reward, reference);
  if (judged < wait / 2) return "sampler";
  return reward >= reference ? "reward" : "reference";
}

wire::Message<wire::WeightManifest> publish(cluster::WeightSink& publisher,
                                            const model::Policy& policy, bool reference) {
  return publisher.publish(policy.version(), policy.weights().arena.span(), reference);
}

}  // namespace

LearnerActor::LearnerActor(caf::actor_config& config, LearnerOptions options)
    : caf::event_based_actor(config),
      options_(std::move(options)),
      policy_(options_.learner->policy()),
      reference_(options_.learner->reference()) {
  set_down_handler([this](caf::down_msg& down) {
    std::erase_if(subscribers_, [&](const Subscriber& s) { return s.handle == down.source; });
  });
}

caf::behavior LearnerActor::make_behavior() {
  return {
      [this](start_atom, const caf::actor& conductor) {
        conductor_ = conductor;
        ask();
      },
      [this](subscribe_atom, const caf::actor& worker, bool remote, bool reference) {
        subscribe({worker, remote, reference});
      },
      [this](step_atom, std::shared_ptr<LearnedStep>& learned) { on_step(*learned); },
      [this](tick_atom, const caf::actor& worker) { tell_again(worker); },
  };
}

void LearnerActor::on_exit() {
  conductor_ = {};
  subscribers_.clear();
}

void LearnerActor::subscribe(Subscriber newcomer) {
  monitor(newcomer.handle);
  subscribers_.push_back(newcomer);
  if (newcomer.remote && !published_) {
    policy_manifest_ = publish(*options_.publisher, *policy_, /*reference=*/false);
    reference_manifest_ = publish(*options_.publisher, *reference_, /*reference=*/true);
    published_ = true;
  }
  tell(newcomer);
}

void LearnerActor::tell(const Subscriber& s) {
  if (!s.remote) {
    send(s.handle, PolicyUpdate{s.reference ? reference_ : policy_});
    return;
  }
  const uint64_t version = (s.reference ? reference_ : policy_)->version();
  request(s.handle, options_.announce_deadline,
          s.reference ? reference_manifest_ : policy_manifest_)
      .then(
          [this, worker = s.handle, version](const wire::Message<wire::WeightAck>& ack) {
            on_ack(worker, version, *ack.read());
          },
          [this, worker = s.handle, version](const caf::error&) { tell_later(worker, version); });
}

void LearnerActor::on_ack(const caf::actor& worker, uint64_t version,
                          const wire::WeightAck::Reader& ack) {
  const auto it = std::find_if(subscribers_.begin(), subscribers_.end(),
                               [&](const Subscriber& s) { return s.handle == worker; });
  if (it == subscribers_.end()) return;
  if (ack.getOutcome() == wire::WeightAck::Outcome::INSTALLED)
    it->failures = 0;
  else
    tell_later(worker, version);
}

void LearnerActor::tell_later(const caf::actor& worker, uint64_t version) {
  if (THESPIS_MUTANT(learner_tells_once)) return;
  const auto it = std::find_if(subscribers_.begin(), subscribers_.end(),
                               [&](const Subscriber& s) { return s.handle == worker; });
  // Only the newest is worth a second announcement.
  if (it == subscribers_.end() || it->waits ||
      version != (it->reference ? reference_ : policy_)->version())
    return;
  constexpr uint32_t kDoublingsMax = 10;
  const auto delay = kRetryFirst * (1 << std::min(it->failures++, kDoublingsMax));
  it->waits = true;
  delayed_send(this, std::min<std::chrono::milliseconds>(delay, kRetryLast), tick_atom::value,
               worker);
}

void LearnerActor::tell_again(const caf::actor& worker) {
  const auto it = std::find_if(subscribers_.begin(), subscribers_.end(),
                               [&](const Subscriber& s) { return s.handle == worker; });
  if (it == subscribers_.end()) return;
  it->waits = false;
  tell(*it);
}

void LearnerActor::ask() {
  asked_at_ = options_.clock->now();
  // The conductor watches over the run's progress and ends it by name where a batch never comes.
  request(conductor_, caf::infinite, batch_atom::value, policy_->version())
      .then([this](Batch& batch) {
        if (!batch.groups.empty()) compute(std::move(batch));
      });
}

void LearnerActor::compute(Batch batch) {
  const auto started = options_.clock->now();
  const double waited = env::seconds(started - asked_at_);
  const auto learned = std::make_shared<LearnedStep>();
  const auto work = [learned, batch = std::move(batch), started, waited, options = options_,
                     announce = published_] {
    try {
      learner::Learner& learner = *options.learner;
      StepReport& report = learned->stepped.report;
      report = learner.step(batch);
      learned->stepped.policy = learner.policy();
      learned->reference = learner.reference();
      learned->reference_was_reset = learner.reference_was_reset();
      learned->stepped.reference_version = learned->reference->version();
      const bool due = options.checkpoint_every != 0 && report.step % options.checkpoint_every == 0;
      if (due || report.step == options.steps)
        learned->stepped.snapshot = std::make_shared<const LearnerSnapshot>(learner.snapshot());
      if (announce) {
        learned->policy_manifest = publish(*options.publisher, *learner.policy(), false);
        if (learned->reference_was_reset)
          learned->reference_manifest = publish(*options.publisher, *learned->reference, true);
      }
      report.wait_seconds = waited;
      report.busy_seconds = env::seconds(options.clock->now() - started);
      report.starved_by = starved_by(batch, report);
    } catch (const Error& error) {
      learned->error = error.what();
    }
  };
  options_.compute->post(work, [learned, self = caf::actor(this)] {
    caf::anon_send(self, step_atom::value, learned);
  });
}

void LearnerActor::on_step(LearnedStep& learned) {
  if (!learned.error.empty()) {
    return quit(caf::make_error(caf::sec::runtime_error, "learner: " + learned.error));
  }
  policy_ = learned.stepped.policy;
  reference_ = learned.reference;
  if (learned.policy_manifest.size_bytes() > 0) {
    policy_manifest_ = learned.policy_manifest;
    if (learned.reference_was_reset) reference_manifest_ = learned.reference_manifest;
  } else if (published_) {
    // The first remote worker came while this step was computed.
    policy_manifest_ = publish(*options_.publisher, *policy_, /*reference=*/false);
    if (learned.reference_was_reset)
      reference_manifest_ = publish(*options_.publisher, *reference_, /*reference=*/true);
  }
  for (const Subscriber& s : subscribers_)
    if ((!s.reference || learned.reference_was_reset) && !THESPIS_MUTANT(learner_keeps_weights))
      tell(s);
  send(conductor_, std::move(learned.stepped));
  ask();
}

}  // namespace thespis
