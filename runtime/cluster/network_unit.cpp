#include "runtime/cluster/network_unit.hpp"

#include <caf/actor_cast.hpp>
#include <caf/actor_system.hpp>
#include <caf/scheduler/abstract_coordinator.hpp>

#include <algorithm>

#include "runtime/base/assert.hpp"

namespace thespis::cluster {
namespace {

// Messages an actor handles before others get their turn.
constexpr size_t kMessagesPerTurn = 100;

}  // namespace

NetworkUnit::NetworkUnit(caf::actor_system& system) : caf::execution_unit(&system) {}

NetworkUnit::~NetworkUnit() {
  for (caf::resumable* job : jobs_) system().scheduler().enqueue(job);
}

void NetworkUnit::choose(const caf::actor& actor) {
  auto* raw = caf::actor_cast<caf::abstract_actor*>(actor);
  auto* job = dynamic_cast<caf::resumable*>(raw);
  THESPIS_ASSERT(job != nullptr);  // Proxies and blocking actors cannot be chosen.
  chosen_.push_back({actor, raw, job});
}

void NetworkUnit::clear() {
  chosen_.clear();
}

caf::execution_unit* NetworkUnit::context_for(const caf::abstract_actor* actor) {
  const bool chosen =
      std::ranges::any_of(chosen_, [&](const Chosen& c) { return c.actor == actor; });
  return chosen ? this : nullptr;
}

void NetworkUnit::exec_later(caf::resumable* job) {
  if (std::ranges::any_of(chosen_, [&](const Chosen& c) { return c.job == job; }))
    jobs_.push_back(job);
  else
    system().scheduler().enqueue(job);
}

void NetworkUnit::run() {
  for (size_t count = jobs_.size(); count > 0; --count) {
    caf::resumable* job = jobs_.front();
    jobs_.pop_front();
    switch (job->resume(this, kMessagesPerTurn)) {
      case caf::resumable::resume_later:
        jobs_.push_back(job);
        break;
      case caf::resumable::done:
      case caf::resumable::awaiting_message:
        caf::intrusive_ptr_release(job);
        break;
      case caf::resumable::shutdown_execution_unit:
        THESPIS_ASSERT(false);  // Only CAF's own workers are told so.
    }
  }
}

}  // namespace thespis::cluster
