// What the simulator says of runs that others published, beside what they published. Simulation,
// not measurement: one set of assumptions (below) for all systems, none fitted to a figure; of each
// system only what its authors say of its shape goes in.
//   bench_literature     run anywhere; prints one table

#include <fmt/format.h>

#include <cstdio>
#include <string>
#include <vector>

#include "sim/plan/plan.hpp"

namespace {

using namespace thespis;

// Assumptions, the same for all.
constexpr double kMfu = 0.35;                // Of the peak, training.
constexpr double kBandwidthUse = 0.6;        // Of a GPU's memory, decoding.
constexpr double kDecodeOverheadMs = 5;      // A step of an engine: launches, scheduling.
constexpr double kMedianOfLimit = 1 / 12.0;  // Median length of a completion.
constexpr double kSigma = 1.0;               // Of its lognormal: 1 in 150 hits the limit.
constexpr double kStepOverheadS = 10;        // Batch assembly, gathering shards, saving.
constexpr double kColocatedSwitchS = 15;  // From sampling to training on the same GPUs, and back.
constexpr double kOldLogprobPass = 4.0 / 3;  // What a second forward adds, where it is done.
constexpr uint32_t kSlots = 256;             // Sequences that a GPU decodes at a time, at most.
constexpr uint32_t kTokensPerSymbol = 64;

struct Gpu {
  double peak_tflops, bandwidth_tbps;
};
constexpr Gpu kH800{990, 3.35}, kH20{148, 4.0};

struct Model {
  double billions;      // Of parameters.
  double kv_kilobytes;  // A token, in 16 bits.
};
constexpr Model k1_5B{1.5, 28.7}, k7B{7.6, 57.3}, k32B{32.8, 262};

struct Mode {
  std::string name;
  uint32_t samplers, trainers;  // GPUs; the same ones where `colocated`.
  bool colocated;
  uint32_t max_age;
  uint32_t groups_per_step;
  double published;  // Hours, or a factor over the first mode; 0: not told.
};

struct System {
  std::string name;
  Gpu gpu;
  Model model;
  uint32_t gpus_an_engine;
  uint32_t group_size, limit;
  uint32_t groups_of_figure;  // Groups of which the published figure counts: a step of the first.
  std::vector<Mode> modes;
};

const std::vector<System>& systems() {
  static const std::vector<System> all{
      {"AReaL 1.5B, 128 GPUs, 1,000 steps",
       kH800,
       k1_5B,
       1,
       16,
       27648,
       512,
       {{"synchronous", 128, 128, true, 0, 512, 41.0},
        {"asynchronous, age 4", 96, 32, false, 4, 512, 14.8}}},
      // Four mini-batches of 128 groups between two publications: staleness s lets
      // (1 + s) * 4 of them be under way.
      {"verl 7B, 128 H20, 400 steps",
       kH20,
       k7B,
       1,
       16,
       28672,
       512,
       {{"synchronous", 128, 128, true, 0, 512, 40.8},
        {"streaming", 64, 64, false, 3, 128, 25.88},
        // A tenth of a batch, in mini-batches of a tenth: eleven of them under way.
        {"stale 0.1", 64, 64, false, 10, 51, 19.98},
        {"stale 0.3", 64, 64, false, 4, 128, 17.33},
        {"stale 0.5", 64, 64, false, 5, 128, 17.37}}},
      {"Laminar 32B, 1,024 GPUs",
       kH800,
       k32B,
       4,
       16,
       16384,
       512,
       {{"synchronous", 1024, 1024, true, 0, 512, 0},
        {"asynchronous, age 4", 512, 512, false, 4, 512, 0}}},
  };
  return all;
}

sim::Scenario scenario_of(const System& system, const Mode& mode) {
  const double weights_bytes = 2e9 * system.model.billions;
  const double bandwidth = system.gpu.bandwidth_tbps * 1e12 * kBandwidthUse * system.gpus_an_engine;
  const double mean_context = 2 * kMedianOfLimit * system.limit / 2;
  const double train_flops = 6e9 * system.model.billions * (mode.colocated ? kOldLogprobPass : 1);
  sim::Scenario s;
  s.name = system.name;
  auto& recipe = s.recipe;
  recipe.train.learning_rate = 1e-6;
  recipe.train.kl_coef = 0;
  recipe.train.max_age = mode.max_age;
  recipe.train.groups_per_step = mode.groups_per_step;
  recipe.rollout.group_size = system.group_size;
  recipe.rollout.max_response_length = system.limit / kTokensPerSymbol;
  recipe.rollout.slots = kSlots;
  recipe.rollout.deadline_s = 86400;
  recipe.data.held_out = 1;
  recipe.checkpoint.every = 1'000'000;
  sim::GpuKind gpu;
  gpu.name = "gpu";
  gpu.decode_step_ms = kDecodeOverheadMs + 1e3 * weights_bytes / bandwidth;
  gpu.decode_sequence_us = 1e6 * mean_context * system.model.kv_kilobytes * 1e3 / bandwidth;
  gpu.prefill_token_us = 0;
  gpu.train_token_us = 1e6 * train_flops / (mode.trainers * system.gpu.peak_tflops * 1e12 * kMfu);
  gpu.train_step_s = kStepOverheadS * mode.groups_per_step / system.groups_of_figure +
                     (mode.colocated ? kColocatedSwitchS : 0);
  s.gpus = {gpu};
  s.workload.response_median = kMedianOfLimit * system.limit;
  s.workload.response_sigma = kSigma;
  s.workload.tokens_per_symbol = kTokensPerSymbol;
  s.workload.weights_mb = weights_bytes / 1e6;
  s.workload.encoded = false;
  s.link.weights_gbps = 400;
  sim::NodeGroup engines;
  engines.name = "engine";
  engines.count = mode.samplers / system.gpus_an_engine;
  engines.samplers = 1;
  sim::NodeGroup rewards;
  rewards.name = "reward";
  rewards.count = 8;
  rewards.rewards = 32;
  s.nodes = {engines, rewards};
  s.rewards = {{"rules", 1, 0.05, 0.5}};
  s.check.queue_mb_max = 100'000;
  return s;
}

}  // namespace

int main() {
  std::printf("simulated, one set of assumptions; hours as published where they were told\n");
  std::printf("%-34s %-20s %10s %10s %10s %10s %8s\n", "", "", "simulated", "published",
              "simulated", "published", "idle");
  std::printf("%-34s %-20s %10s %10s %10s %10s %8s\n", "system", "mode", "s a step", "s a step",
              "times", "times", "");
  for (const System& system : systems()) {
    double first = 0;
    const double first_hours = system.modes.front().published;
    const double steps = system.name.starts_with("AReaL") ? 1000 : 400;
    for (const Mode& mode : system.modes) {
      const auto p = sim::predict(scenario_of(system, mode));
      const double step_s = p.step_s * system.groups_of_figure / mode.groups_per_step;
      if (first == 0) first = step_s;
      const bool told = mode.published > 0;
      const bool is_laminar = !told && &mode != &system.modes.front();
      std::printf("%-34s %-20s %10.0f %10s %10.2f %10s %6.0f %%\n", system.name.c_str(),
                  mode.name.c_str(), step_s,
                  told ? fmt::format("{:.0f}", 3600 * mode.published / steps).c_str() : "",
                  first / step_s,
                  told         ? fmt::format("{:.2f}", first_hours / mode.published).c_str()
                  : is_laminar ? "to 5.48"
                               : "",
                  100 * p.idle_share);
      std::fflush(stdout);
    }
  }
  return 0;
}
