#pragma once
// A worker process's side of the weight channel: fetches announced weights off the actors' threads,
// verifies them, and makes a Policy of them once, however many workers of the process want it.

#include <caf/all.hpp>
#include <functional>
#include <memory>

#include "model/engine/policy.hpp"
#include "runtime/cluster/weight_channel.hpp"
#include "runtime/env/compute.hpp"

namespace thespis {

/// Fetched weights on their way to the worker that asked, with the answer to their announcer.
struct WeightArrival {
  std::shared_ptr<const model::Policy> policy;  ///< None where the fetch failed.
  wire::Message<wire::WeightAck> ack;
  caf::response_promise promise;
};

class WeightReceiver {
 public:
  struct Fetched {
    std::shared_ptr<const model::Policy> policy;  ///< None where the fetch failed.
    wire::Message<wire::WeightAck> ack;           ///< What to answer to the announcer.
  };
  WeightReceiver(model::ModelConfig config, std::unique_ptr<cluster::WeightSource> source,
                 env::Compute& compute);

  const model::ModelConfig& config() const { return config_; }
  /// Calls `done` on the compute seam's thread, once.
  void fetch(wire::Message<wire::WeightManifest> manifest,
             std::function<void(const Fetched&)> done);

 private:
  Fetched fetch_now(const wire::Message<wire::WeightManifest>& manifest);

  model::ModelConfig config_;
  std::unique_ptr<cluster::WeightSource> source_;
  env::Compute& compute_;
  // The newest of either kind: weak, so that nothing is kept that no worker uses.
  std::weak_ptr<const model::Policy> newest_policy_, newest_reference_;
};

/// A worker's answer to a manifest: fetches, sends `self` a WeightArrival, which keeps the promise.
caf::result<wire::Message<wire::WeightAck>> fetch_weights(
    caf::event_based_actor& self, WeightReceiver& receiver,
    wire::Message<wire::WeightManifest> manifest);

}  // namespace thespis

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(thespis::WeightArrival)
