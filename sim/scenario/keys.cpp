#include "sim/scenario/keys.hpp"

namespace thespis::sim {
namespace {

using config::Choice;
using config::Field;
using config::Range;

constexpr std::string_view kFaultKinds[] = {
    "crash",        "host-crash",  "pause",       "slow",      "partition",     "partition-out",
    "partition-in", "flap",        "disconnect",  "delay",     "reorder",       "duplicate",
    "loss",         "clock-jump",  "clock-drift", "disk-full", "bit-flip",      "truncate",
    "reward-hang",  "reward-fail", "reward-late", "poison",    "wrong-weights", "stale-sampler",
    "leave",        "memory"};

template <class T>
Field at(T& value) {
  return &value;
}
Field at(FaultKind& kind) {
  return Choice{reinterpret_cast<uint8_t*>(&kind), kFaultKinds};  // A byte may alias anything.
}

constexpr double kDay = 86400, kYear = 365 * kDay, kCount = 1e9;
constexpr std::monostate kAny{};

constexpr Range from(double low, double high) {
  return {low, high, false};
}
constexpr Range above(double low, double high) {
  return {low, high, true};
}

std::optional<std::string_view> node_name(std::string_view text) {
  const bool fine = !text.empty() && text.size() <= 40 && text != "any" && text != "head" &&
                    text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-_") == text.npos;
  if (fine) return std::nullopt;
  return "1 to 40 small letters, digits, '-' or '_', and neither \"any\" nor \"head\"";
}

std::optional<std::string_view> not_empty(std::string_view text) {
  if (!text.empty()) return std::nullopt;
  return "a text that is not empty";
}

// A key's name is the path of its field, so that the two cannot disagree.
#define THESPIS_KEY(Root, path) #path, [](Root & r) { return at(r.path); }

const config::KeyOf<Scenario> kScenarioKeys[] = {
    {THESPIS_KEY(Scenario, name), not_empty, "For people"},
    {THESPIS_KEY(Scenario, recipe_file), kAny, "A recipe to begin with; [recipe] goes over it"},
    {THESPIS_KEY(Scenario, cluster.restart_s), from(0, kDay), "Then a process is started again"},
    {THESPIS_KEY(Scenario, cluster.resume_s), from(0, kDay), "Then a run that ended is resumed"},
    {THESPIS_KEY(Scenario, cluster.lost_after_s), above(0, kDay), "Silence until a peer is lost"},
    {THESPIS_KEY(Scenario, cluster.head_samplers), from(0, 1024), "Samplers beside the conductor"},
    {THESPIS_KEY(Scenario, cluster.head_rewards), from(0, 65536), "Rewards beside the conductor"},
    {THESPIS_KEY(Scenario, cluster.head_references), from(0, 1024), "References there"},
    {THESPIS_KEY(Scenario, cluster.head_gpu), kAny, "What the learner computes on"},
    {THESPIS_KEY(Scenario, cluster.head_shares_cores), kAny, "They slow each other and it down"},
    {THESPIS_KEY(Scenario, link.latency_ms), from(0, 1e6), "One way, between any two nodes"},
    {THESPIS_KEY(Scenario, link.jitter_ms), from(0, 1e6), "Mean of what comes on top"},
    {THESPIS_KEY(Scenario, link.bandwidth_gbps), above(0, 1e6), "Of a connection"},
    {THESPIS_KEY(Scenario, link.loss), from(0, 0.9), "Of frames, below the transport"},
    {THESPIS_KEY(Scenario, link.weights_gbps), above(0, 1e6), "Of the weight channel, each node"},
    {THESPIS_KEY(Scenario, workload.response_median), above(0, 1e7), "Tokens of a completion"},
    {THESPIS_KEY(Scenario, workload.response_sigma), from(0, 5), "Of their lognormal"},
    {THESPIS_KEY(Scenario, workload.tokens_per_symbol), from(1, 65536),
     "Real tokens that a simulated one stands for"},
    {THESPIS_KEY(Scenario, workload.weights_mb), above(0, 1e9), "Of one version"},
    {THESPIS_KEY(Scenario, workload.disk_mbps), above(0, 1e9), "Written to the head's disk"},
    {THESPIS_KEY(Scenario, workload.sync_ms), from(0, 1e6), "One sync of it"},
    {THESPIS_KEY(Scenario, workload.encoded), kAny, "Frames are copied and checked"},
    {THESPIS_KEY(Scenario, check.faults_until_s), from(0, kYear), "No fault strikes later"},
    {THESPIS_KEY(Scenario, check.finish_within_s), above(0, kYear),
     "After that, until the run must be done"},
    {THESPIS_KEY(Scenario, check.events_max), from(1000, 1e12), "Of one seed"},
    {THESPIS_KEY(Scenario, check.resumes_max), from(0, 1e12),
     "Runs that may end with an error: 0 where no fault explains one"},
    {THESPIS_KEY(Scenario, check.dropped_max), from(0, 1e12),
     "Groups that may be dropped: 0 where no fault explains one"},
    {THESPIS_KEY(Scenario, check.disk_mb_max), from(1, 1e6), "On the head's disk"},
    {THESPIS_KEY(Scenario, check.waiting_events_max), from(1000, 1e8), "Events to come"},
    {THESPIS_KEY(Scenario, check.queue_mb_max), from(1, 1e6), "Frames under way at a time"},
};

const config::KeyOf<GpuKind> kGpuKeys[] = {
    {THESPIS_KEY(GpuKind, name), not_empty, "As nodes call it"},
    {THESPIS_KEY(GpuKind, decode_step_ms), above(0, 1e6), "One decode step"},
    {THESPIS_KEY(GpuKind, decode_sequence_us), from(0, 1e6), "For each sequence in it"},
    {THESPIS_KEY(GpuKind, prefill_token_us), from(0, 1e6), "A prompt's token"},
    {THESPIS_KEY(GpuKind, score_token_us), from(0, 1e6), "A token under the reference"},
    {THESPIS_KEY(GpuKind, train_token_us), from(0, 1e6), "A token of an optimizer step"},
    {THESPIS_KEY(GpuKind, train_step_s), from(0, kDay), "An optimizer step, beside its tokens"},
};

const config::KeyOf<NodeGroup> kNodeKeys[] = {
    {THESPIS_KEY(NodeGroup, name), node_name, "As faults call it"},
    {THESPIS_KEY(NodeGroup, count), from(1, 100000), "How many of them"},
    {THESPIS_KEY(NodeGroup, samplers), from(0, 1024), "Samplers on each"},
    {THESPIS_KEY(NodeGroup, rewards), from(0, 65536), "Reward workers on each"},
    {THESPIS_KEY(NodeGroup, references), from(0, 1024), "References on each"},
    {THESPIS_KEY(NodeGroup, gpu), kAny, "Of a [[gpu]]"},
    {THESPIS_KEY(NodeGroup, joins_at_s), from(0, kYear), "When it starts"},
};

const config::KeyOf<RewardKind> kRewardKeys[] = {
    {THESPIS_KEY(RewardKind, name), not_empty, "For people"},
    {THESPIS_KEY(RewardKind, share), above(0, kCount), "Of all verdicts, relative to the others"},
    {THESPIS_KEY(RewardKind, median_s), above(0, kDay), "Of the time a verdict takes"},
    {THESPIS_KEY(RewardKind, sigma), from(0, 5), "Of its lognormal"},
};

const config::KeyOf<Fault> kFaultKeys[] = {
    {THESPIS_KEY(Fault, kind), kAny, "What strikes"},
    {THESPIS_KEY(Fault, node), not_empty, "A node, a group, \"any\" worker, or \"head\""},
    {THESPIS_KEY(Fault, peer), not_empty, "From whom a partition parts it"},
    {THESPIS_KEY(Fault, at_s), from(0, kYear), "When, the first time"},
    {THESPIS_KEY(Fault, every_s), from(0, kYear), "Mean time between two; 0: once"},
    {THESPIS_KEY(Fault, duration_s), from(0, kYear), "Mean"},
    {THESPIS_KEY(Fault, factor), from(0, 1e6), "How much, where that says something"},
};

#undef THESPIS_KEY

}  // namespace

std::span<const config::KeyOf<Scenario>> scenario_keys() {
  return kScenarioKeys;
}
std::span<const config::KeyOf<GpuKind>> gpu_keys() {
  return kGpuKeys;
}
std::span<const config::KeyOf<NodeGroup>> node_keys() {
  return kNodeKeys;
}
std::span<const config::KeyOf<RewardKind>> reward_keys() {
  return kRewardKeys;
}
std::span<const config::KeyOf<Fault>> fault_keys() {
  return kFaultKeys;
}

std::string_view name_of(FaultKind kind) {
  return kFaultKinds[static_cast<size_t>(kind)];
}
size_t fault_kind_count() {
  return std::size(kFaultKinds);
}

}  // namespace thespis::sim
