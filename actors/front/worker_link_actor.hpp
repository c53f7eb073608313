#pragma once
// A worker as the run it joined sees it: says hello at the front desk, passes what comes on to the
// worker, whose answers go straight back, and says goodbye before the node ends. Ends with its
// worker, and with the front desk that it joined.

#include <functional>
#include <string>

#include "actors/base/messages.hpp"

namespace thespis {

/// How a front desk ends whose run begins again from a checkpoint, and the links to it: whoever
/// joined may join anew.
inline constexpr auto kBeginsAgain = caf::exit_reason::out_of_workers;

struct WorkerLinkOptions {
  caf::actor front;   ///< The run's front desk, on its node.
  caf::actor worker;  ///< On this node.
  std::string role;
  uint32_t capacity = 1;
  std::chrono::milliseconds join_deadline{30'000};
};

class WorkerLinkActor : public caf::event_based_actor {
 public:
  WorkerLinkActor(caf::actor_config& config, WorkerLinkOptions options);
  const char* name() const override { return "worker link"; }

 protected:
  caf::behavior make_behavior() override;

 private:
  template <class T>
  auto pass_on() {
    return [this](const wire::Message<T>& message) { return delegate(options_.worker, message); };
  }

  WorkerLinkOptions options_;
  uint32_t worker_id_ = 0;  // 0: not accepted yet.
};

}  // namespace thespis
