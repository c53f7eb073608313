#pragma once
// One simulated cluster: virtual time, the state of each node, and what strikes it. Everything that
// replaces a piece of the world (clock, network, disk, compute, engine) stands on this.
//   WD-1  A node's code runs in enter() alone: never while it is paused or after its process ended.
//   WD-2  All chance comes from the seed, keyed by what it is for.

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "model/engine/model_config.hpp"
#include "runtime/config/recipe.hpp"
#include "runtime/env/fault.hpp"
#include "runtime/env/memory_file_system.hpp"
#include "runtime/env/random.hpp"
#include "sim/check/checker.hpp"
#include "sim/kernel/event_queue.hpp"
#include "sim/kernel/figures.hpp"
#include "sim/kernel/shared_cores.hpp"
#include "sim/kernel/trace.hpp"
#include "sim/scenario/keys.hpp"
#include "sim/scenario/scenario.hpp"

namespace thespis::sim {

class Network;
class Process;
class SimWeightSink;

/// What a fault does to a node or to a direction between two, and how long.
struct Spell {
  Nanoseconds since{0}, until{0};
  double factor = 0;
  /// Goes on for longer, or begins.
  void cast(Nanoseconds now, Nanoseconds end, double strength) {
    if (now >= until) since = now;
    until = end > until ? end : until;
    factor = strength;
  }
};

/// Streams of random numbers, one for each use.
enum class Stream : uint64_t {
  kFaults = 1,
  kLinks = 2,
  kSchedules = 3,
  kDisks = 4,
  kRewards = 5,
  kLengths = 6,
  kPoints = 7
};

struct NodeState {
  std::string name;
  const NodeGroup* group = nullptr;  ///< Null for the head.
  const GpuKind* gpu = nullptr;
  std::unique_ptr<Process> process;  ///< None while it is down.
  uint64_t lives = 0;                ///< Processes that it had.
  std::array<Spell, 32> spells;      ///< By FaultKind.
  double wall_offset_s = 0;
  /// Where its computations take turns on the same cores; none: each has its own.
  std::unique_ptr<SharedCores> cores;
  bool leaving = false;  ///< Its workers said goodbye: what becomes of them is nobody's fault.
};

/// What a run says of itself, taken apart once for all nodes that join it.
struct ParsedRun {
  std::string recipe_text, model_text;
  config::Recipe recipe;
  model::ModelConfig model;
};

class World final : public env::FaultPoints {
 public:
  World(const Scenario& scenario, uint64_t seed, bool keeps_timeline);
  ~World() override;
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  const Scenario& scenario() const { return scenario_; }
  uint64_t seed() const { return seed_; }
  EventQueue& queue() { return queue_; }
  Trace& trace() { return trace_; }
  Checker& checker() { return checker_; }
  Figures& figures() { return figures_; }
  Network& network() { return *network_; }
  env::MemoryFileSystem& disk() { return disk_; }
  /// What the head holds of its weights; null while it is down.
  const SimWeightSink*& publisher() { return publisher_; }
  std::shared_ptr<const ParsedRun>& parsed_run() { return parsed_run_; }
  Nanoseconds now() const { return queue_.now(); }
  size_t node_count() const { return nodes_.size(); }
  NodeState& node(uint32_t index) { return nodes_[index]; }
  std::vector<std::string> names() const { return node_names(scenario_); }
  env::KeyedRandom random(Stream use, uint64_t which) const;

  void note(uint32_t node, Happened what, uint64_t a = 0, uint64_t b = 0, std::string text = {}) {
    trace_.add(now(), node, what, a, b, std::move(text));
  }

  /// Runs `step` as code of that process of the node: at once, or when its pause ends. Dropped
  /// where the process has ended by then.
  template <class Step>
  void enter(uint32_t node, uint64_t life, Step&& step);
  /// The process ends with the event that is going on: what it does until then is not seen.
  void kill_soon(uint32_t node);
  /// Starts the node's process now, or later.
  void boot(uint32_t node);
  void boot_after(uint32_t node, double seconds);
  /// Ends it. `loses_power`: nobody hears of it, and unsynced writes may be lost.
  void kill(uint32_t node, bool loses_power);
  /// The head's run has ended, with an error or well.
  void run_ended(const std::string& error);
  bool finished() const { return finished_; }
  uint64_t resumes() const { return resumes_; }

  // Of faults.
  bool is_under(uint32_t node, FaultKind kind) const;
  double factor(uint32_t node, FaultKind kind) const;
  void cast(uint32_t node, FaultKind kind, Nanoseconds until, double factor);
  /// Its engine asks for memory: under pressure it gets none (Error), or its process is ended.
  void want_memory(uint32_t node, const char* what);
  bool is_poisonous(const std::string& task) const;
  bool strikes(const char* name) override;
  std::map<std::string, uint64_t>& fault_counts() { return fault_counts_; }
  const std::map<std::string, std::pair<uint64_t, uint64_t>>& points() const { return points_; }

  // Of computing: time that the work going on takes.
  void charge(double seconds) { charged_s_ += seconds; }
  double charged_s() const { return charged_s_; }
  /// Runs `work` and returns the seconds that it takes on that node.
  double timed(uint32_t node, const std::function<void()>& work);
  uint32_t current_node() const { return current_; }

 private:
  bool is_alive(uint32_t node, uint64_t life) const {
    return nodes_[node].process && nodes_[node].lives == life;
  }
  void run_in(uint32_t node, const std::function<void()>& step);
  const Scenario& scenario_;
  const uint64_t seed_;
  EventQueue queue_;
  Trace trace_;
  Checker checker_;
  Figures figures_;
  env::MemoryFileSystem disk_;  // The head's.
  std::vector<NodeState> nodes_;
  std::unique_ptr<Network> network_;
  const SimWeightSink* publisher_ = nullptr;
  std::shared_ptr<const ParsedRun> parsed_run_;
  std::map<std::string, uint64_t> fault_counts_;
  std::map<std::string, std::pair<uint64_t, uint64_t>> points_;  // Reached, struck.
  env::KeyedRandom point_random_;
  double charged_s_ = 0;
  uint32_t current_ = 0;  // Whose code is running.
  bool finished_ = false;
  uint64_t resumes_ = 0;
};

template <class Step>
void World::enter(uint32_t index, uint64_t life, Step&& step) {
  if (!is_alive(index, life)) return;
  if (is_under(index, FaultKind::kPause)) {
    const auto until = nodes_[index].spells[static_cast<size_t>(FaultKind::kPause)].until;
    queue_.at(until, [this, index, life, step = std::forward<Step>(step)]() mutable {
      enter(index, life, step);
    });
    return;
  }
  run_in(index, std::ref(step));  // Nothing is copied: this is the way of every event.
}

}  // namespace thespis::sim
