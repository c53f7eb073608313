#include "actors/sampler/sampler_actor.hpp"

#include <algorithm>
#include <utility>

#include "runtime/base/error.hpp"
#include "runtime/env/fault.hpp"
#include "runtime/env/mutant.hpp"
#include "runtime/wire/lists.hpp"

namespace thespis {
namespace {

/// What a turn of decoding came to.
struct Turn {
  std::vector<model::FinishedSequence> finished;
  std::string error;
};

model::SequenceRequest request_of(const wire::Generate::Reader& job, uint64_t id) {
  model::SequenceRequest r;
  r.id = id;
  r.prompt = wire::to_vector<int32_t>(job.getPrompt());
  r.stop_tokens = wire::to_vector<int32_t>(job.getStopTokens());
  r.max_tokens = job.getMaxTokens();
  r.temperature = job.getTemperature();
  r.cut = {.top_p = job.getTopP(), .top_k = job.getTopK(), .min_p = job.getMinP()};
  r.random_seed = job.getRandomSeed();
  r.random_stream = job.getRandomStream();
  r.random_sample = job.getJob().getSample();
  return r;
}

wire::Message<wire::Rollout> rollout_of(const model::FinishedSequence& f, const JobKey& key) {
  const auto count = static_cast<unsigned>(f.tokens.size());
  return wire::Message<wire::Rollout>::build(
      [&](wire::Rollout::Builder r) {
        set_key(r.initJob(), key);
        wire::fill_list(r.initTokens(count), f.tokens);
        wire::fill_list(r.initLogprobs(count), f.logprobs);
        wire::fill_list(r.initLogKept(static_cast<unsigned>(f.log_kept.size())), f.log_kept);
        if (THESPIS_MUTANT(sampler_names_last_version) && count > 0)
          wire::fill_list(r.initVersions(count), std::vector(count, f.versions.back()));
        else
          wire::fill_list(r.initVersions(count), f.versions);
        r.setFinish(f.finish == model::FinishReason::kStop     ? wire::Rollout::Finish::STOP
                    : f.finish == model::FinishReason::kLength ? wire::Rollout::Finish::LENGTH
                                                               : wire::Rollout::Finish::CANCELLED);
      },
      64 + 2 * f.tokens.size());
}

}  // namespace
}  // namespace thespis

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(std::shared_ptr<thespis::Turn>)

namespace thespis {

SamplerActor::SamplerActor(caf::actor_config& config, SamplerOptions options)
    : caf::event_based_actor(config), options_(std::move(options)) {}

caf::behavior SamplerActor::make_behavior() {
  return {
      [this](wire::Message<wire::Generate>& job) -> caf::result<wire::Message<wire::Rollout>> {
        auto promise = make_response_promise();
        waiting_.push_back({std::move(job), promise});
        interrupt_->store(true, std::memory_order_relaxed);
        advance();
        return promise;
      },
      [this](PolicyUpdate& update) { install(std::move(update.policy)); },
      [this](wire::Message<wire::WeightManifest>& manifest) {
        return fetch_weights(*this, *options_.receiver, std::move(manifest));
      },
      [this](WeightArrival& arrival) {
        if (arrival.policy) install(std::move(arrival.policy));
        arrival.promise.deliver(std::move(arrival.ack));
      },
      [this](const wire::Message<wire::Cancel>& message) { cancel(message); },
      [this](step_atom, std::shared_ptr<Turn>& turn) {
        busy_ = false;
        if (!turn->error.empty()) {
          // The generator's state is unknown: end, and the pool re-issues what was in flight.
          return quit(caf::make_error(caf::sec::runtime_error, turn->error));
        }
        deliver(turn->finished);
        advance();
      },
  };
}

void SamplerActor::install(std::shared_ptr<const model::Policy> policy) {
  if (generator_ && policy->version() < version_) return;  // Overtaken on its way.
  pending_ = std::move(policy);
  interrupt_->store(true, std::memory_order_relaxed);
  advance();
}

void SamplerActor::cancel(const wire::Message<wire::Cancel>& message) {
  const JobKey key = key_of(message);
  cancel_waiting(waiting_, key);
  for (const auto& [id, active] : active_)
    if (active.key == key) cancelled_.push_back(id);
  interrupt_->store(true, std::memory_order_relaxed);
}

bool SamplerActor::may_start(const WaitingJob<wire::Generate>& job) const {
  return job.job.read()->getMinVersion() <= version_ ||
         THESPIS_FAULT(sampler_starts_under_old_weights);
}

void SamplerActor::start_waiting() {
  // Oldest first; a job that needs newer weights holds up none that does not.
  for (auto it = waiting_.begin(); it != waiting_.end() && generator_->has_free_slot();) {
    if (!may_start(*it)) {
      ++it;
      continue;
    }
    const auto job = it->job.read();
    const uint64_t id = next_id_++;
    try {
      auto request = request_of(*job, id);
      request.stop_strings = options_.stop_strings;
      generator_->add(std::move(request));
      active_.emplace(id, Active{key_of(it->job), it->promise});
    } catch (const InputError& error) {
      it->promise.deliver(caf::make_error(caf::sec::invalid_argument, error.what()));
    }
    it = waiting_.erase(it);
  }
}

void SamplerActor::rest() {
  generator_->rest();
  let_go_ = std::exchange(installed_, nullptr);
}

/// False where there is nothing to do, or the weights that were let go are gone: others will come.
/// Jobs that wait for those wake nobody: the learner may be about to write over these.
bool SamplerActor::wake() {
  if (installed_) return true;
  if (std::none_of(waiting_.begin(), waiting_.end(),
                   [this](const auto& job) { return may_start(job); }))
    return false;
  installed_ = let_go_.lock();
  if (installed_) generator_->install(installed_);
  return installed_ != nullptr;
}

void SamplerActor::advance() {
  if (busy_) return;
  if (pending_) {
    if (generator_)
      generator_->install(pending_);
    else
      generator_ = options_.engine->make_decoder(pending_, options_.limits);
    installed_ = std::exchange(pending_, nullptr);
    version_ = installed_->version();
  }
  if (!generator_ || !wake()) return;
  for (const uint64_t id : std::exchange(cancelled_, {})) generator_->cancel(id);
  start_waiting();
  if (generator_->active_count() == 0) {
    if (options_.lets_weights_go) rest();
    return;
  }
  busy_ = true;
  interrupt_->store(false, std::memory_order_relaxed);
  auto turn = std::make_shared<Turn>();
  const auto work = [turn, generator = generator_.get(), interrupt = interrupt_,
                     steps = options_.steps_per_turn] {
    try {
      for (uint32_t i = 0; i < steps && turn->finished.empty(); ++i) {
        if (i > 0 && interrupt->load(std::memory_order_relaxed)) break;
        turn->finished = generator->step();
        if (generator->active_count() == 0) break;
      }
    } catch (const Error& error) {
      turn->error = error.what();
    }
  };
  options_.compute->post(
      work, [turn, self = caf::actor(this)] { caf::anon_send(self, step_atom::value, turn); });
}

void SamplerActor::deliver(std::vector<model::FinishedSequence>& finished) {
  for (const model::FinishedSequence& f : finished) {
    const auto it = active_.find(f.id);
    if (it == active_.end()) continue;
    it->second.promise.deliver(rollout_of(f, it->second.key));
    active_.erase(it);
  }
}

}  // namespace thespis
