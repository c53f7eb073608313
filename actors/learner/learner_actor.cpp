#include "actors/learner/learner_actor.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <utility>

#include "runtime/base/error.hpp"
#include "runtime/collective/cluster_group.hpp"
#include "runtime/env/mutant.hpp"

namespace thespis {

struct LearnedStep {
  Stepped stepped;
  std::shared_ptr<const model::Policy> reference;
  bool reference_was_reset = false;
  wire::Message<wire::WeightManifest> policy_manifest, reference_manifest;
  std::string error;
  bool rank_lost = false;

  void run(const std::function<void()>& work) {
    try {
      work();
    } catch (const collective::RankLost& lost) {
      error = lost.what();
      rank_lost = true;
    } catch (const Error& failure) {
      error = failure.what();
    }
  }
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
        if (ranks_.size() == options_.remote_ranks()) return begin();
        delayed_send(this, env::milliseconds(options_.recipe.cluster.join_deadline_s),
                     tick_atom::value);
      },
      [this](worker_atom, const caf::actor& worker, uint32_t) { return on_rank(worker); },
      [this](leave_atom, uint32_t) {},  // The end of its link says so to the hub as well.
      [this](tick_atom) { on_join_deadline(); },
      [this](start_atom, std::shared_ptr<LearnedStep>& begun) {
        if (!begun->error.empty()) return fail(*begun);
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
  ranks_.clear();
  subscribers_.clear();
}

uint32_t LearnerActor::on_rank(const caf::actor& worker) {
  const auto& train = options_.recipe.train;
  // One more than there are ranks waits for the next beginning: it may be needed then.
  if (ranks_.size() == options_.remote_ranks()) return train.ranks;
  const auto rank = train.local_ranks + static_cast<uint32_t>(ranks_.size());
  ranks_.push_back(worker);
  send(options_.hub, collective::rank_atom::value, worker, rank, /*tell=*/true);
  if (ranks_.size() == options_.remote_ranks() && conductor_) begin();
  return rank;
}

void LearnerActor::on_join_deadline() {
  if (ranks_.size() == options_.remote_ranks()) return;
  const auto& recipe = options_.recipe;
  std::string missing;
  for (uint64_t r = recipe.train.local_ranks + ranks_.size(); r < recipe.train.ranks; ++r)
    missing += (missing.empty() ? "" : ", ") + std::to_string(r);
  quit(caf::make_error(caf::sec::runtime_error,
                       "learner: of " + std::to_string(recipe.train.ranks) +
                           " ranks, these have not joined within " +
                           std::to_string(std::lround(recipe.cluster.join_deadline_s)) +
                           " s: " + missing + "; each is a `thespis node --roles learner`"));
}

void LearnerActor::begin() {
  if (options_.remote_ranks() == 0) return ask();
  const auto begun = std::make_shared<LearnedStep>();
  options_.compute->post(
      [begun, learner = options_.learner, restored = options_.restored] {
        begun->run([&] { learner->share_state(restored); });
      },
      [begun, self = caf::actor(this)] { caf::anon_send(self, start_atom::value, begun); });
}

void LearnerActor::fail(const LearnedStep& failed) {
  quit(caf::make_error(failed.rank_lost ? caf::sec::request_receiver_down : caf::sec::runtime_error,
                       "learner: " + failed.error));
}

void LearnerActor::send_to_ranks(const Batch& batch) {
  for (const caf::actor& rank : ranks_) {
    for (const auto& group : batch.groups) send(rank, group);
    send(rank, wire::Message<wire::LearnerStep>::build([&](wire::LearnerStep::Builder step) {
           step.setStep(policy_->version() + 1);
           step.setGroups(static_cast<uint32_t>(batch.groups.size()));
         }));
  }
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
  send_to_ranks(batch);
  const auto started = options_.clock->now();
  const double waited = env::seconds(started - asked_at_);
  const auto learned = std::make_shared<LearnedStep>();
  const auto work = [learned, batch = std::move(batch), started, waited, options = options_,
                     announce = published_] {
    learned->run([&] {
      learner::Learner& learner = *options.learner;
      StepReport& report = learned->stepped.report;
      report = learner.step(batch);
      learned->stepped.policy = learner.policy();
      learned->reference = learner.reference();
      learned->reference_was_reset = learner.reference_was_reset();
      learned->stepped.reference_version = learned->reference->version();
      if (learner::is_kept(options.recipe, report.step))
        learned->stepped.snapshot = std::make_shared<const LearnerSnapshot>(learner.snapshot());
      if (announce) {
        learned->policy_manifest = publish(*options.publisher, *learner.policy(), false);
        if (learned->reference_was_reset)
          learned->reference_manifest = publish(*options.publisher, *learned->reference, true);
      }
      report.wait_seconds = waited;
      report.busy_seconds = env::seconds(options.clock->now() - started);
      report.starved_by = starved_by(batch, report);
    });
  };
  options_.compute->post(work, [learned, self = caf::actor(this)] {
    caf::anon_send(self, step_atom::value, learned);
  });
}

void LearnerActor::on_step(LearnedStep& learned) {
  if (!learned.error.empty()) return fail(learned);
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
