#include "sim/check/watcher_actor.hpp"

#include <memory>
#include <utility>

#include "actors/conductor/conductor_actor.hpp"
#include "sim/cluster/process.hpp"

namespace thespis::sim {

WatcherActor::WatcherActor(caf::actor_config& config, World& world, uint64_t life,
                           caf::actor recorder)
    : caf::event_based_actor(config), world_(world), life_(life), recorder_(std::move(recorder)) {
  monitor(recorder_);
  set_down_handler([this](caf::down_msg& down) { quit(down.reason); });
}

bool WatcherActor::alive() const {
  const NodeState& head = world_.node(0);
  return head.process && head.lives == life_ && !head.process->is_dying();
}

caf::behavior WatcherActor::make_behavior() {
  return {
      [this](StepReport& report, const LedgerCounts& counts) {
        if (!alive()) return;
        world_.note(0, Happened::kStep, report.step);
        Checker& checker = world_.checker();
        checker.stepped(report.step, report.policy_version, report.logprobs_compared,
                        report.logprob_mismatches);
        Figures& figures = world_.figures();
        figures.steps.push_back({env::seconds(world_.now()), report.wait_seconds,
                                 report.busy_seconds, report.starved_by, figures.busy_s});
        checker.counted(counts.consumed, counts.ready, counts.open);
        ask_pools();
        send(recorder_, std::move(report), counts);
      },
      [this](Batch& batch) {
        if (!alive()) return;
        on_batch(batch);
        send(recorder_, std::move(batch));
      },
      [this](EvalReport& report) { send(recorder_, std::move(report)); },
      [this](dropped_atom, uint64_t group, const std::string& why) {
        if (!alive()) return;
        world_.note(0, Happened::kProgress, group, 0,
                    "group " + std::to_string(group) + " dropped: " + why);
        world_.checker().dropped(group, why);
        send(recorder_, dropped_atom::value, group, why);
      },
      [this](const LedgerCounts& counts) { send(recorder_, counts); },
      [this](const RunEnded& ended) { send(recorder_, ended); },
      [this](worker_atom, const caf::actor& pool, const std::string& role) {
        pools_.push_back({pool, role});
      },
  };
}

void WatcherActor::on_batch(const Batch& batch) {
  using View = wire::Message<wire::Group>::View;
  std::vector<std::unique_ptr<View>> views;
  std::vector<wire::Group::Reader> groups;
  for (const auto& message : batch.groups) {
    views.push_back(std::make_unique<View>(message.frame()));
    groups.push_back(**views.back());
  }
  const uint64_t first = groups.empty() ? 0 : groups.front().getId();
  world_.note(0, Happened::kBatch, groups.size(), first);
  world_.checker().batch(world_.checker().steps_done() + 1, groups);
}

/// Jobs that a worker may hold; none: whatever it says when it joins.
std::optional<uint64_t> WatcherActor::capacity_of(const std::string& role) const {
  const auto& recipe = world_.scenario().recipe;
  if (role == "reward") return recipe.rewards.capacity;
  if (role == "sampler") return recipe.rollout.slots + recipe.rollout.slots / 4;
  return std::nullopt;
}

void WatcherActor::ask_pools() {
  // What comes back from workers may lie over the limit, by no more than they held.
  constexpr uint64_t kHeldTwice = 2;
  const uint64_t limit = world_.scenario().recipe.rollout.queue_bytes * kHeldTwice;
  for (const Pool& pool : pools_)
    request(pool.handle, caf::infinite, stats_atom::value)
        .then(
            [this, role = pool.role, limit](const PoolStats& stats) {
              world_.checker().queue("the queue of role " + role, stats.waiting_bytes, limit);
              if (const auto capacity = capacity_of(role))
                world_.checker().held(role, stats.running, stats.workers * *capacity);
              auto& queue = world_.figures().queues[role];
              ++queue.looks;
              queue.waiting_sum += stats.waiting;
              queue.waiting_max = std::max<uint64_t>(queue.waiting_max, stats.waiting);
            },
            [](const caf::error&) {});  // It ended: others will say so.
}

}  // namespace thespis::sim
