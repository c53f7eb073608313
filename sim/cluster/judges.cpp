#include "sim/cluster/judges.hpp"

#include <cmath>
#include <string>

#include "runtime/base/error.hpp"

namespace thespis::sim {
namespace {

constexpr uint64_t kSamplesMax = 4096;  // Keeps the streams of two groups apart.
constexpr double kForEver = 1e8;

double time_of(const World& world, const JobKey& key) {
  const auto& kinds = world.scenario().rewards;
  if (kinds.empty()) {
    const config::Recipe& recipe = world.scenario().recipe;
    return reward_delay_s(recipe.rewards.delay_mean_s, recipe.rewards.delay_sigma, recipe.seed,
                          key.group, static_cast<uint32_t>(key.sample));
  }
  auto random = world.random(Stream::kRewards,
                             (key.group * kSamplesMax + key.sample) & ((uint64_t{1} << 48) - 1));
  double total = 0;
  for (const RewardKind& kind : kinds) total += kind.share;
  double at = random.uniform() * total;
  const RewardKind* chosen = &kinds.back();
  for (const RewardKind& kind : kinds) {
    at -= kind.share;
    if (at < 0) {
      chosen = &kind;
      break;
    }
  }
  return chosen->median_s * std::exp(chosen->sigma * random.normal());
}

}  // namespace

RewardOptions simulated_judges(World& world, uint32_t node) {
  RewardOptions options;
  // A job of a run that has ended since may still come: that run is not answerable for it.
  const uint64_t joined = world.node(0).lives;
  options.rule = [&world, node, joined](const wire::Judge::Reader& job) {
    const std::string task(job.getTask().cStr(), job.getTask().size());
    const std::string_view text(job.getCompletion().cStr(), job.getCompletion().size());
    if (world.is_poisonous(task)) {
      if (!world.node(node).leaving && world.node(0).lives == joined)
        world.checker().poisoned(job.getJob().getGroup(), job.getJob().getSample());
      ++world.fault_counts()["poison, struck"];
      world.kill_soon(node);
    }
    if (world.is_under(node, FaultKind::kRewardFail)) throw Error("the rules are out of order");
    Judgement judgement;
    judgement.score = true_score(task, text);
    judgement.components = {{"accuracy", judgement.score == 1 ? 1.0f : 0.0f}, {"format", 1.0f}};
    judgement.answer = std::to_string(text.size());
    return judgement;
  };
  options.delay_s = [&world, node](const JobKey& key) {
    if (world.is_under(node, FaultKind::kRewardHang)) return kForEver;
    double seconds = time_of(world, key);
    if (world.is_under(node, FaultKind::kRewardLate))
      seconds *= std::max(1.0, world.factor(node, FaultKind::kRewardLate));
    if (world.is_under(node, FaultKind::kSlow))
      seconds *= std::max(1.0, world.factor(node, FaultKind::kSlow));
    world.figures().busy_s["reward"] += seconds;
    return seconds;
  };
  return options;
}

}  // namespace thespis::sim
