#pragma once
// A node for tests: an actor system with its cluster, and the actor behind its front.

#include <caf/all.hpp>

#include <chrono>
#include <functional>
#include <string>
#include <thread>

#include "runtime/cluster/actor_config.hpp"
#include "runtime/cluster/cluster.hpp"
#include "runtime/env/clock.hpp"
#include "schemas/cluster.capnp.h"
#include "schemas/rollout.capnp.h"
#include "schemas/weights.capnp.h"

namespace thespis::test {

using Generate = wire::Message<wire::Generate>;
using Judge = wire::Message<wire::Judge>;
using Rollout = wire::Message<wire::Rollout>;
using Score = wire::Message<wire::Score>;
using Failure = wire::Message<wire::Failure>;
using WorkerJoin = wire::Message<wire::WorkerJoin>;
using WorkerLeave = wire::Message<wire::WorkerLeave>;
using WorkerAccepted = wire::Message<wire::WorkerAccepted>;
using PeerEvent = wire::Message<wire::PeerEvent>;

constexpr const char* kSecret = "a secret for tests";
/// Far beyond anything that is not broken; nothing waits for it to pass.
constexpr auto kGenerous = std::chrono::seconds(60);

inline cluster::ClusterOptions options(cluster::Path path = cluster::Path::kAuto) {
  cluster::ClusterOptions options;
  options.secret = kSecret;
  options.path = path;
  return options;
}

inline Generate generate(uint64_t group, uint64_t prompt_tokens = 4) {
  return Generate::build(
      [&](wire::Generate::Builder out) {
        out.getJob().setGroup(group);
        auto prompt = out.initPrompt(static_cast<unsigned>(prompt_tokens));
        for (unsigned i = 0; i < prompt.size(); ++i) prompt.set(i, static_cast<int32_t>(group + i));
      },
      prompt_tokens / 2 + 256);
}

inline Failure failure(const std::string& reason) {
  return Failure::build([&](wire::Failure::Builder out) { out.setReason(reason); });
}

inline WorkerJoin worker_join(uint32_t capacity) {
  return WorkerJoin::build([&](wire::WorkerJoin::Builder out) { out.setCapacity(capacity); });
}

/// The front of most tests: Generate is echoed as a Rollout, Judge is refused with an error,
/// Failure ends the actor with its reason, Score is never answered, WorkerJoin is answered by a
/// request back to the sender.
inline caf::behavior echo(caf::event_based_actor* self) {
  auto kept = std::make_shared<std::vector<caf::response_promise>>();
  return {
      [](const Generate& job) {
        const auto in = job.read();
        return Rollout::build(
            [&](wire::Rollout::Builder out) {
              out.getJob().setGroup(in->getJob().getGroup());
              out.setTokens(in->getPrompt());
            },
            in->getPrompt().size() / 2 + 256);
      },
      [](const Judge&) -> caf::result<Rollout> {
        return caf::make_error(caf::sec::invalid_argument, "this one does not judge");
      },
      [self](const Failure& how) {
        const std::string reason = how.read()->getReason();
        if (reason == "normal")
          self->quit();
        else
          self->quit(caf::exit_reason::out_of_workers);
      },
      [self, kept](const Score&) { kept->push_back(self->make_response_promise()); },
      [self](const WorkerJoin& join) -> caf::result<WorkerAccepted> {
        const uint32_t capacity = join.read()->getCapacity();
        // Before the promise is made: that takes the sender over.
        auto worker = caf::actor_cast<caf::actor>(self->current_sender());
        auto promise = self->make_response_promise<WorkerAccepted>();
        self->request(worker, kGenerous, generate(77))
            .then(
                [promise, capacity](const Rollout& done) mutable {
                  promise.deliver(WorkerAccepted::build([&](wire::WorkerAccepted::Builder out) {
                    const uint64_t group = done.read()->getJob().getGroup();
                    out.setWorkerId(static_cast<uint32_t>(group) + capacity);
                  }));
                },
                [promise](const caf::error& e) mutable { promise.deliver(e); });
        return promise;
      },
  };
}

class TestNode {
 public:
  explicit TestNode(cluster::ClusterOptions with = options())
      : config(cluster::ActorConfig::Scheduling::kThreads, 2),
        system(config),
        registry(wire::Registry::all()),
        cluster(std::make_unique<cluster::Cluster>(system, registry, std::move(with))),
        front(system.spawn(echo)) {
    cluster->set_front(front);
  }
  ~TestNode() {
    cluster.reset();
    caf::anon_send_exit(front, caf::exit_reason::kill);
  }

  cluster::ActorConfig config;
  caf::actor_system system;
  wire::Registry registry;
  std::unique_ptr<cluster::Cluster> cluster;
  caf::actor front;
};

/// Looks again until `condition` holds; false only when something is broken.
inline bool eventually(const std::function<bool()>& condition) {
  const env::RealClock clock;
  const auto end = clock.now() + kGenerous;
  while (!condition()) {
    if (clock.now() > end) return false;
    std::this_thread::yield();
  }
  return true;
}

/// The group of a Rollout reply, or the error.
template <class Message>
caf::expected<uint64_t> ask(caf::scoped_actor& self, const caf::actor& to, const Message& what) {
  caf::expected<uint64_t> result{caf::sec::none};
  self->request(to, kGenerous, what)
      .receive([&](const Rollout& rollout) { result = rollout.read()->getJob().getGroup(); },
               [&](caf::error& error) { result = std::move(error); });
  return result;
}

}  // namespace thespis::test
