#include "sim/cluster/world.hpp"

#include <xxhash.h>

#include <utility>

#include "runtime/base/error.hpp"
#include "sim/cluster/head_process.hpp"
#include "sim/cluster/worker_process.hpp"
#include "sim/network/network.hpp"

namespace thespis::sim {

World::World(const Scenario& scenario, uint64_t seed, bool keeps_timeline)
    : scenario_(scenario),
      seed_(seed),
      trace_(keeps_timeline),
      checker_(scenario),
      nodes_(names().size()),
      network_(std::make_unique<Network>(*this)),
      point_random_(random(Stream::kPoints, 0)) {
  const auto called = names();
  for (size_t i = 0; i < nodes_.size(); ++i) nodes_[i].name = called[i];
  nodes_[0].gpu = &scenario.gpu(scenario.cluster.head_gpu);
  if (scenario.cluster.head_shares_cores) nodes_[0].cores = std::make_unique<SharedCores>(queue_);
  size_t at = 1;
  for (const NodeGroup& group : scenario.nodes)
    for (uint32_t i = 0; i < group.count; ++i, ++at) {
      nodes_[at].group = &group;
      nodes_[at].gpu = &scenario.gpu(group.gpu);
    }
  env::fault_points = this;
}

World::~World() {
  for (uint32_t i = 0; i < nodes_.size(); ++i) kill(i, /*loses_power=*/false);
  env::fault_points = nullptr;
}

env::KeyedRandom World::random(Stream use, uint64_t which) const {
  return {seed_, env::Purpose::kSimulation, static_cast<uint64_t>(use) << 48 | which};
}

void World::run_in(uint32_t index, const std::function<void()>& step) {
  NodeState& node = nodes_[index];
  const uint32_t before = std::exchange(current_, index);
  node.process->run(step);
  current_ = before;
  if (node.process->is_dying()) kill(index, /*loses_power=*/false);
}

void World::kill_soon(uint32_t index) {
  if (nodes_[index].process) nodes_[index].process->die();
}

void World::boot(uint32_t index) {
  NodeState& node = nodes_[index];
  if (node.process || finished_) return;
  if (is_under(index, FaultKind::kPause)) {
    queue_.at(node.spells[static_cast<size_t>(FaultKind::kPause)].until,
              [this, index] { boot(index); });
    return;
  }
  ++node.lives;
  node.leaving = false;
  note(index, Happened::kBoot, node.lives);
  if (index == 0)
    node.process = std::make_unique<HeadProcess>(*this);
  else
    node.process = std::make_unique<WorkerProcess>(*this, index);
  const auto life = node.lives;
  enter(index, life, [this, index] { nodes_[index].process->start(); });
}

void World::boot_after(uint32_t index, double seconds) {
  queue_.after(duration(seconds), [this, index] { boot(index); });
}

void World::kill(uint32_t index, bool loses_power) {
  NodeState& node = nodes_[index];
  if (!node.process) return;
  note(index, Happened::kDeath, loses_power);
  node.process->die();
  if (node.cores) node.cores->clear();
  network_->process_ended(index, loses_power);
  node.process->end();
  node.process.reset();
  if (loses_power && index == 0) {
    auto chance = random(Stream::kDisks, node.lives);
    disk_.crash(chance);
  }
  if (!finished_)
    boot_after(index, index == 0 ? scenario_.cluster.resume_s : scenario_.cluster.restart_s);
}

void World::run_ended(const std::string& error) {
  note(0, Happened::kEnded, error.empty(), 0, error);
  if (error.empty())
    finished_ = true;
  else
    checker_.run_failed(++resumes_, error);
  kill_soon(0);
}

bool World::is_under(uint32_t index, FaultKind kind) const {
  return now() < nodes_[index].spells[static_cast<size_t>(kind)].until;
}

double World::factor(uint32_t index, FaultKind kind) const {
  return nodes_[index].spells[static_cast<size_t>(kind)].factor;
}

void World::cast(uint32_t index, FaultKind kind, Nanoseconds until, double strength) {
  nodes_[index].spells[static_cast<size_t>(kind)].cast(now(), until, strength);
}

void World::want_memory(uint32_t index, const char* what) {
  if (!is_under(index, FaultKind::kMemory)) return;
  constexpr uint32_t kKilledOneOf = 3;
  if (point_random_.below(kKilledOneOf) == 0) {
    ++fault_counts_["memory, killed"];
    kill_soon(index);
  }
  throw Error(std::string("out of memory: no room for ") + what);
}

bool World::is_poisonous(const std::string& task) const {
  if (!is_under(0, FaultKind::kPoison)) return false;
  const uint64_t hash = XXH3_64bits_withSeed(task.data(), task.size(), seed_);
  constexpr uint64_t kParts = 1'000'000;
  return static_cast<double>(hash % kParts) < factor(0, FaultKind::kPoison) * kParts;
}

bool World::strikes(const char* name) {
  // One of so many passages; 0: where the scenario's fault of that node says so.
  struct Rate {
    std::string_view name;
    uint32_t one_of;
  };
  constexpr Rate kRates[] = {{"sampler_starts_under_old_weights", 0}, {"journal_sync_fails", 200},
                             {"checkpoint_rename_fails", 40},         {"pool_dispatches_late", 100},
                             {"weights_cannot_be_had", 20},           {"reward_rule_throws", 60}};
  auto& [reached, struck] = points_[name];
  ++reached;
  if (now() >= duration(scenario_.check.faults_until_s)) return false;
  bool hit = false;
  for (const Rate& rate : kRates)
    if (rate.name == name)
      hit = rate.one_of == 0 ? is_under(current_, FaultKind::kStaleSampler)
                             : !scenario_.faults.empty() && point_random_.below(rate.one_of) == 0;
  struck += hit;
  return hit;
}

double World::timed(uint32_t index, const std::function<void()>& work) {
  charged_s_ = 0;
  work();
  const double slow = is_under(index, FaultKind::kSlow) ? factor(index, FaultKind::kSlow) : 1;
  return std::exchange(charged_s_, 0) * (slow > 1 ? slow : 1);
}

}  // namespace thespis::sim
