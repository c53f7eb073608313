#pragma once
// A scenario as plain values: a cluster, what it works on, what strikes it, what must hold. The
// names here are the keys of the TOML file; keys.cpp says their ranges and what they are for.

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/config/recipe.hpp"

namespace thespis::sim {

/// How fast one kind of machine is.
struct GpuKind {
  std::string name;
  double decode_step_ms = 20;      ///< One decode step, whatever the batch.
  double decode_sequence_us = 50;  ///< On top, for each sequence in it.
  double prefill_token_us = 20;
  double score_token_us = 10;
  double train_token_us = 60;  ///< Forward, backward and optimizer, over all of the learner.
  double train_step_s = 0.5;   ///< On top, each step.
};

/// Nodes that are alike. `name` alone where count is 1, else name-0, name-1, ...
struct NodeGroup {
  std::string name;
  uint32_t count = 1;
  uint32_t samplers = 0, rewards = 0, references = 0;
  std::string gpu;        ///< Of a GpuKind; empty: the first one.
  double joins_at_s = 0;  ///< Later than the start: a worker that comes while the run goes on.
};

/// Rewards of one kind of task: a share of all judging, lognormal times.
struct RewardKind {
  std::string name;
  double share = 1;
  double median_s = 0.01;
  double sigma = 0.5;
};

struct Link {
  double latency_ms = 0.2;
  double jitter_ms = 0.05;
  double bandwidth_gbps = 10;
  double loss = 0;  ///< Of a frame below the transport, which sends it again.
  double weights_gbps = 100;
};

struct Workload {
  double response_median = 60;  ///< Tokens of a completion, lognormal.
  double response_sigma = 0.6;
  uint32_t tokens_per_symbol = 1;  ///< Real tokens that one simulated token stands for.
  double weights_mb = 2;
  double disk_mbps = 500;
  double sync_ms = 5;
  bool encoded = true;  ///< Frames are copied and checked as on the wire; false: by reference.
};

enum class FaultKind : uint8_t {
  kCrash,      ///< The process dies; its host lives.
  kHostCrash,  ///< Power loss: unsynced writes may be lost, peers hear nothing.
  kPause,
  kSlow,          ///< Computes `factor` times slower.
  kPartition,     ///< From its peer, both ways.
  kPartitionOut,  ///< What it sends to its peer is lost.
  kPartitionIn,   ///< What its peer sends is lost.
  kFlap,          ///< Parted and healed, again and again.
  kDisconnect,    ///< The connection breaks, with half a frame delivered.
  kDelay,         ///< Frames take up to `factor` seconds longer.
  kReorder,
  kDuplicate,
  kLoss,
  kClockJump,   ///< Of the wall clock, `factor` seconds.
  kClockDrift,  ///< Its time runs faster by `factor`.
  kDiskFull,
  kBitFlip,       ///< In a checkpoint.
  kTruncate,      ///< Of a checkpoint's file.
  kRewardHang,    ///< Verdicts of its rewards never come.
  kRewardFail,    ///< Its rewards cannot judge.
  kRewardLate,    ///< They take `factor` times longer.
  kPoison,        ///< A share `factor` of the prompts kills every reward worker that judges one.
  kWrongWeights,  ///< Weights arrive altered at it.
  kStaleSampler,  ///< Its sampler starts jobs under weights older than they ask for.
  kLeave,         ///< Its workers say goodbye.
  kMemory,        ///< Its engine finds no memory.
};

struct Fault {
  FaultKind kind = FaultKind::kCrash;
  std::string node = "any";  ///< A node, a group, "any" worker, or "head".
  std::string peer = "head";
  double at_s = 0;        ///< Of the first; with `every_s` the mean time to it is that.
  double every_s = 0;     ///< Mean time between two of them; 0: once, at `at_s`.
  double duration_s = 1;  ///< Mean.
  double factor = 1;
};

struct Cluster {
  double restart_s = 5;     ///< After which a process that ended is started again.
  double resume_s = 20;     ///< After which a run that ended is resumed.
  double lost_after_s = 6;  ///< Silence until a peer is given up.
  uint32_t head_samplers = 0, head_rewards = 0, head_references = 0;
  std::string head_gpu;
  bool head_shares_cores = false;  ///< What the head computes takes turns on the same cores.
};

struct Checks {
  static constexpr uint64_t kNoLimit = 1'000'000'000'000;
  double faults_until_s = 600;    ///< Faults are drawn up to then.
  double finish_within_s = 3600;  ///< From then on, in virtual time (DEADLINE).
  uint64_t events_max = 50'000'000;
  uint64_t disk_mb_max = 256;               ///< What the head's disk holds (BOUNDED).
  uint64_t waiting_events_max = 1'000'000;  ///< Of the simulator itself (BOUNDED).
  uint64_t resumes_max = kNoLimit;  ///< Runs that end with an error, and are resumed (DEADLINE).
  uint64_t dropped_max = kNoLimit;  ///< Groups that are dropped (ONCE).
  uint64_t queue_mb_max = 1024;     ///< Frames under way between all nodes (BOUNDED).
};

struct Scenario {
  std::string name = "scenario";
  std::string recipe_file;
  config::Recipe recipe;
  Cluster cluster;
  Link link;
  Workload workload;
  Checks check;
  std::vector<GpuKind> gpus;
  std::vector<NodeGroup> nodes;
  std::vector<RewardKind> rewards;
  std::vector<Fault> faults;

  const GpuKind& gpu(const std::string& wanted) const;  ///< "" is the first.
};

/// The name of each node: "head", then those of the groups.
std::vector<std::string> node_names(const Scenario& scenario);

/// Reads `path`. Throws InputError: unreadable, not TOML, unknown key (names the nearest), a value
/// that is impossible, a fault of a node that does not exist, a role without a worker.
Scenario load_scenario(const std::string& path);
/// The same for text at hand; `source` stands in messages where a file's name would.
Scenario parse_scenario(std::string_view text, const std::string& source);

/// A cluster for a plan: a scenario's file without [recipe], [check] and [[fault]], joined with a
/// recipe for real weights and lengths. Rewards that the file does not describe take the recipe's
/// delays. Throws as load_scenario.
Scenario load_cluster(const std::string& path, const config::Recipe& recipe);
Scenario parse_cluster(std::string_view text, const std::string& source,
                       const config::Recipe& recipe);

}  // namespace thespis::sim
