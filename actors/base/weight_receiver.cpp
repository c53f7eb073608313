#include "actors/base/weight_receiver.hpp"

#include <algorithm>
#include <utility>

#include "runtime/env/fault.hpp"
#include "runtime/env/mutant.hpp"

namespace thespis {
namespace {

using Outcome = wire::WeightAck::Outcome;

Outcome outcome_of(cluster::FetchStatus status) {
  switch (status) {
    case cluster::FetchStatus::kOk:
      return Outcome::INSTALLED;
    case cluster::FetchStatus::kCorrupt:
      return Outcome::CORRUPT;
    case cluster::FetchStatus::kSuperseded:
      return Outcome::SUPERSEDED;
    case cluster::FetchStatus::kUnreachable:
      break;
  }
  return Outcome::UNREACHABLE;
}

wire::Message<wire::WeightAck> ack_of(uint64_t version, Outcome outcome,
                                      const std::string& detail) {
  return wire::Message<wire::WeightAck>::build([&](wire::WeightAck::Builder ack) {
    ack.setPolicyVersion(version);
    ack.setOutcome(outcome);
    ack.setDetail(detail);
  });
}

}  // namespace

WeightReceiver::WeightReceiver(model::ModelConfig config,
                               std::unique_ptr<cluster::WeightSource> source, env::Compute& compute)
    : config_(std::move(config)), source_(std::move(source)), compute_(compute) {}

void WeightReceiver::fetch(wire::Message<wire::WeightManifest> manifest,
                           std::function<void(const Fetched&)> done) {
  const auto fetched = std::make_shared<Fetched>();
  compute_.post([this, fetched, manifest = std::move(manifest)] { *fetched = fetch_now(manifest); },
                [fetched, done = std::move(done)] { done(*fetched); });
}

WeightReceiver::Fetched WeightReceiver::fetch_now(
    const wire::Message<wire::WeightManifest>& manifest) {
  const auto view = manifest.read();
  const uint64_t version =
      view->getPolicyVersion() + (THESPIS_MUTANT(receiver_names_wrong_version) ? 1 : 0);
  auto& newest = view->getReference() ? newest_reference_ : newest_policy_;
  if (auto policy = newest.lock(); policy && policy->version() == version)
    return {policy, ack_of(version, Outcome::INSTALLED, "")};

  if (THESPIS_FAULT(weights_cannot_be_had))
    return {nullptr, ack_of(version, Outcome::UNREACHABLE, "a fault was asked for")};
  const auto fetched = source_->fetch(manifest);
  if (fetched.status != cluster::FetchStatus::kOk)
    return {nullptr, ack_of(version, outcome_of(fetched.status), fetched.detail)};
  auto weights = std::make_shared<model::Weights>(config_);
  if (fetched.weights.size() != weights->arena.size())
    return {nullptr, ack_of(version, Outcome::CORRUPT, "the size is not that of this model")};
  std::copy(fetched.weights.begin(), fetched.weights.end(), weights->arena.data());
  const auto previous = newest.lock();  // Its plan serves every version of the model.
  auto policy = previous
                    ? std::make_shared<const model::Policy>(*previous, std::move(weights), version)
                    : std::make_shared<const model::Policy>(std::move(weights), version);
  newest = policy;
  return {policy, ack_of(version, Outcome::INSTALLED, "")};
}

caf::result<wire::Message<wire::WeightAck>> fetch_weights(
    caf::event_based_actor& self, WeightReceiver& receiver,
    wire::Message<wire::WeightManifest> manifest) {
  auto promise = self.make_response_promise();
  const caf::actor worker = &self;
  receiver.fetch(std::move(manifest), [worker, promise](const WeightReceiver::Fetched& fetched) {
    caf::anon_send(worker, WeightArrival{fetched.policy, fetched.ack, promise});
  });
  return promise;
}

}  // namespace thespis
