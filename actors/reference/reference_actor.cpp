#include "actors/reference/reference_actor.hpp"

#include <utility>

#include "runtime/base/error.hpp"
#include "runtime/wire/lists.hpp"

namespace thespis {

/// The jobs of one scoring pass, all under one policy, and what came of it.
struct ReferenceActor::Pass {
  std::shared_ptr<const model::Policy> policy;
  std::vector<Waiting> jobs;
  std::vector<std::vector<int32_t>> prompts, completions;
  std::vector<float> temperatures;
  std::vector<model::ScoreResult> results;
  std::string error;
};

namespace {

using PassDone = std::function<void()>;

wire::Message<wire::Scores> scores_of(const wire::Message<wire::Score>& job,
                                      const std::vector<float>& logprobs) {
  return wire::Message<wire::Scores>::build(
      [&](wire::Scores::Builder s) {
        const auto view = job.read();
        s.setJob(view->getJob());
        s.setReferenceVersion(view->getReferenceVersion());
        wire::fill_list(s.initLogprobs(static_cast<unsigned>(logprobs.size())), logprobs);
      },
      64 + logprobs.size());
}

}  // namespace
}  // namespace thespis

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(thespis::PassDone)

namespace thespis {

ReferenceActor::ReferenceActor(caf::actor_config& config, ReferenceOptions options)
    : caf::event_based_actor(config), options_(std::move(options)) {}

caf::behavior ReferenceActor::make_behavior() {
  return {
      [this](wire::Message<wire::Score>& job) -> caf::result<wire::Message<wire::Scores>> {
        auto promise = make_response_promise();
        waiting_.push_back({std::move(job), promise});
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
      [this](const wire::Message<wire::Cancel>& cancel) {
        cancel_waiting(waiting_, key_of(cancel));
      },
      [this](step_atom, PassDone& finish) {
        busy_ = false;
        finish();
        advance();
      },
  };
}

void ReferenceActor::install(std::shared_ptr<const model::Policy> policy) {
  const uint64_t version = policy->version();
  policies_[version] = std::move(policy);
  while (policies_.size() > kVersionsKept) policies_.erase(policies_.begin());
  advance();
}

void ReferenceActor::advance() {
  if (busy_ || policies_.empty()) return;
  auto pass = std::make_shared<Pass>();
  uint64_t tokens = 0;
  for (auto it = waiting_.begin(); it != waiting_.end() && tokens < options_.tokens_per_pass;) {
    const auto job = it->job.read();
    const uint64_t version = job->getReferenceVersion();
    const auto policy = policies_.find(version);
    if (policy == policies_.end()) {
      if (version > policies_.rbegin()->first) {
        ++it;  // Its weights are on their way; the pool's deadline bounds the wait.
        continue;
      }
      it->promise.deliver(
          caf::make_error(caf::sec::invalid_argument,
                          "reference version " + std::to_string(version) + " is no longer kept"));
      it = waiting_.erase(it);
      continue;
    }
    if (pass->policy && pass->policy != policy->second) {
      ++it;
      continue;
    }
    pass->policy = policy->second;
    pass->prompts.push_back(wire::to_vector<int32_t>(job->getPrompt()));
    pass->completions.push_back(wire::to_vector<int32_t>(job->getCompletion()));
    pass->temperatures.push_back(job->getTemperature());
    tokens += pass->prompts.back().size() + pass->completions.back().size();
    pass->jobs.push_back(std::move(*it));
    it = waiting_.erase(it);
  }
  if (pass->jobs.empty()) return;
  busy_ = true;
  const auto work = [pass, engine = options_.engine] {
    try {
      std::vector<model::ScoreItem> items;
      for (size_t i = 0; i < pass->jobs.size(); ++i)
        items.push_back({pass->prompts[i], pass->completions[i], pass->temperatures[i]});
      pass->results = engine->score(*pass->policy, items);
    } catch (const Error& error) {
      pass->error = error.what();
    }
  };
  options_.compute->post(work, [pass, self = caf::actor(this)] {
    PassDone finish = [pass] {
      for (size_t i = 0; i < pass->jobs.size(); ++i) {
        if (pass->error.empty())
          pass->jobs[i].promise.deliver(scores_of(pass->jobs[i].job, pass->results[i].logprobs));
        else
          pass->jobs[i].promise.deliver(caf::make_error(caf::sec::runtime_error, pass->error));
      }
    };
    caf::anon_send(self, step_atom::value, std::move(finish));
  });
}

}  // namespace thespis
