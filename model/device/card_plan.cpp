#include "model/device/card_plan.hpp"

#include <algorithm>
#include <cstdio>

#include "gpu/device_sizes.hpp"
#include "model/device/split_weights.hpp"

namespace thespis::model {
namespace {

constexpr uint64_t kBf16 = sizeof(gpu::Bf16);

using Parts = std::vector<MemoryPart>;

void add(Parts& parts, const std::string& role, const Parts& more, uint32_t times = 1) {
  for (const MemoryPart& part : more)
    if (part.bytes > 0) parts.push_back({role + part.what, times * part.bytes});
}

/// Each has a workspace: one for what is brought to the card and back, one for each part.
uint32_t streams(const CardUse& use) {
  uint32_t count = 1 + use.decoders;
  if (use.trainer) ++count;
  if (use.shares_weights()) ++count;           // A layer's weights come beside the work.
  if (use.exchanges && !use.trainer) ++count;  // Weights arrive.
  if (use.sequence_max > 0) ++count;
  return count;
}

void add_trainer(Parts& parts, const Plan& plan, const CardUse& use, uint32_t recomputed) {
  const WeightLayout layout = WeightLayout::of(plan.config());
  const Shards shards = Shards::of(layout, use.ranks);
  const auto optimizer = OptimizerMemory::of(layout, shards, use.rank, use.zero);
  add(parts, "training: ", optimizer.parts());
  if (use.shares_weights()) add(parts, "training: ", LayersMemory::of(plan, shards).parts());
  add(parts, "training: ",
      ExecutorMemory::of(plan, plan.training_memory(recomputed), true, trainer_batch(*use.trainer))
          .parts());
}

/// All but the pages, with the first `recomputed` layers' feed-forward parts computed again.
Parts fixed_parts(const Plan& plan, const CardUse& use, uint64_t taken, uint32_t recomputed) {
  const uint64_t arena = WeightLayout::of(plan.config()).size * kBf16;
  Parts parts{{"driver, kernels, graphs", taken}};
  if (use.versions > 0)
    parts.push_back({"weights, x " + std::to_string(use.versions), use.versions * arena});
  parts.push_back({"table of rotations",
                   uint64_t{plan.config().context_max} * plan.config().head_dim * sizeof(float)});
  parts.push_back({"staging of weights", kStagedFloats * sizeof(float)});
  parts.push_back({"workspaces of products", streams(use) * gpu::kWorkspaceBytes});
  if (use.exchanges) parts.push_back({"collectives", kCollectiveBytes});
  if (use.trainer) add_trainer(parts, plan, use, recomputed);
  if (use.sequence_max > 0)
    add(parts, "scoring: ",
        ExecutorMemory::of(plan, plan.forward_memory(), false, scorer_batch(use.sequence_max))
            .parts());
  if (use.decoders > 0) {
    const GeneratorMemory decoder = GeneratorMemory::of(use.decoder);
    add(parts,
        "sampling: ", ExecutorMemory::of(plan, plan.forward_memory(), false, decoder.batch).parts(),
        use.decoders);
    add(parts, "sampling: ", decoder.parts(use.decoder), use.decoders);
  }
  return parts;
}

std::string gib(uint64_t bytes) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.1f GiB", static_cast<double>(bytes) / (1 << 30));
  return text;
}

}  // namespace

CardPlan plan_card(const Plan& plan, const CardUse& use, uint64_t memory, uint64_t taken) {
  CardPlan card;
  card.memory = memory;
  const uint64_t page = page_bytes(plan) * use.decoders;
  uint64_t wanted = 0, least = 0;
  if (use.decoders > 0) {
    card.pages_wanted = pages_for_all(use.decoder);
    const uint64_t one = pages_for_one(use.decoder);
    wanted = card.pages_wanted;
    // Half of what the slots can need, rather than compute less again.
    least = std::max(one, (wanted + 1) / 2);
    if (use.kv_share > 0) {
      const double fit = use.kv_share * static_cast<double>(memory) / static_cast<double>(page);
      wanted = least = std::clamp(static_cast<uint64_t>(fit), one, wanted);
    }
  }
  const auto fits_with = [&](uint32_t recomputed) {
    card.recomputed_layers = recomputed;
    card.parts = fixed_parts(plan, use, taken, recomputed);
    return card.used() + least * page <= memory;
  };
  // The fewest layers with which it fits.
  uint32_t too_few = 0, enough = use.trainer ? plan.config().layer_count : 0;
  if (!fits_with(0) && fits_with(enough)) {
    while (enough - too_few > 1) {
      const uint32_t middle = (too_few + enough) / 2;
      (fits_with(middle) ? enough : too_few) = middle;
    }
    fits_with(enough);
  }
  if (use.decoders == 0) return card;
  const uint64_t fixed = card.used(), room = fixed < memory ? memory - fixed : 0;
  const uint64_t fit = std::min(wanted, room / page);
  card.pages = static_cast<uint32_t>(std::max<uint64_t>(fit, pages_for_one(use.decoder)));
  card.parts.push_back({"sampling: keys and values", card.pages * page});
  return card;
}

CardPlan plan_card(const Plan& plan, const CardUse& use, const gpu::Device& card) {
  const gpu::DeviceInfo info = card.info();
  return plan_card(plan, use, info.memory, info.memory - info.memory_free + kLazyBytes);
}

std::string CardPlan::summary() const {
  auto largest = parts;
  std::stable_sort(largest.begin(), largest.end(),
                   [](const MemoryPart& a, const MemoryPart& b) { return a.bytes > b.bytes; });
  constexpr size_t kShown = 4;
  std::string text = gib(used()) + " of " + gib(memory);
  for (size_t i = 0; i < std::min(kShown, largest.size()); ++i)
    text += (i == 0 ? ": " : ", ") + largest[i].what + " " + gib(largest[i].bytes);
  return text;
}

std::string CardPlan::refusal(const CardUse& use) const {
  std::string text = "does not fit: it takes " + summary();
  text += "; what helps: ";
  if (use.trainer && use.ranks > 1 && use.zero == Zero::kOptimizer)
    text += "train.zero = 3, ";
  else if (use.trainer)
    text += "more train.ranks, ";
  if (use.trainer && use.versions > 2) text += "train.max_age = 0, ";
  if (use.trainer) text += "a smaller train.micro_batch_tokens, ";
  if (use.trainer && use.decoders > 0) text += "another engine.sampler_device, ";
  if (use.decoders > 0) text += "fewer rollout.slots, ";
  if (use.kv_share > 0) text += "a smaller engine.kv_share, ";
  return text + "a smaller model";
}

}  // namespace thespis::model
