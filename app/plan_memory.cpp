// `thespis plan-memory`: what a recipe takes of each card's memory, part by part, whether it fits,
// and what would help. The engine on cards makes its parts by the same plans.

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <numeric>

#include "actors/training/card_use.hpp"
#include "app/verbs.hpp"
#include "model/hf/hf_directory.hpp"
#include "model/hf/known_models.hpp"
#include "runtime/base/error.hpp"
#include "runtime/config/load.hpp"

namespace thespis::app {
namespace {

using nlohmann::ordered_json;

/// Bytes of "141GiB", "80 GB", "96G" (GiB).
uint64_t bytes_of(const std::string& text) {
  size_t end = 0;
  double number = 0;
  try {
    number = std::stod(text, &end);
  } catch (const std::exception&) {
    end = 0;
  }
  std::string unit;
  for (const char c : text.substr(end))
    if (c != ' ') unit += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  const double scale = unit == "gib" || unit == "g" ? 0x1p30 : unit == "gb" ? 1e9 : 0;
  if (end == 0 || !(number > 0 && number < 1e5) || scale == 0)
    throw InputError("--gpu-memory " + text + ": must be a size like 141GiB or 80GB");
  return static_cast<uint64_t>(number * scale);
}

/// Cards that are used alike; the plan of the one that takes most.
struct Group {
  std::vector<uint32_t> cards;
  model::CardUse use;
  model::CardPlan plan;
};

std::vector<Group> groups_of(const CardUses& uses, const model::Plan& plan, uint64_t memory) {
  std::vector<Group> groups;
  for (const auto& [card, use] : uses.cards) {
    model::CardUse alike = use;
    alike.rank = 0;
    const auto planned = model::plan_card(plan, use, memory, model::kContextBytes);
    auto group =
        std::find_if(groups.begin(), groups.end(), [&](const Group& g) { return g.use == alike; });
    if (group == groups.end()) group = groups.insert(group, {{}, alike, planned});
    group->cards.push_back(card);
    if (planned.used() > group->plan.used()) group->plan = planned;
  }
  return groups;
}

/// Runs of numbers: "0", "1 to 7", "0, 2 to 3".
std::string list(const std::vector<uint32_t>& cards) {
  std::string text;
  for (size_t i = 0; i < cards.size();) {
    size_t last = i;
    while (last + 1 < cards.size() && cards[last + 1] == cards[last] + 1) ++last;
    text += (i == 0 ? "" : ", ") + std::to_string(cards[i]);
    if (last > i) text += " to " + std::to_string(cards[last]);
    i = last + 1;
  }
  return text;
}

std::string heading(const Group& group) {
  const model::CardUse& use = group.use;
  std::string does;
  const auto add = [&](const std::string& what) { does += (does.empty() ? "" : ", ") + what; };
  if (use.trainer && use.ranks == 1) add("learner");
  if (use.trainer && use.ranks > 1)
    add(fmt::format("{} of {} ranks, ZeRO-{}", group.cards.size(), use.ranks,
                    use.zero == model::Zero::kWeights ? 3 : 1));
  if (use.decoders > 0) add(fmt::format("{} decoder{}", use.decoders, use.decoders > 1 ? "s" : ""));
  if (use.sequence_max > 0) add("scores");
  if (does.empty()) does = "weights alone";
  return fmt::format("card{} {}: {}", group.cards.size() > 1 ? "s" : "", list(group.cards), does);
}

/// Hundredths of a GiB that add up to those of the sum.
std::vector<uint64_t> hundredths(const std::vector<model::MemoryPart>& parts) {
  constexpr double kScale = 100 / 0x1p30;
  std::vector<uint64_t> shown;
  std::vector<double> left;
  for (const model::MemoryPart& part : parts) {
    const double exact = static_cast<double>(part.bytes) * kScale;
    shown.push_back(static_cast<uint64_t>(exact));
    left.push_back(exact - static_cast<double>(shown.back()));
  }
  std::vector<size_t> order(parts.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return left[a] > left[b]; });
  const auto sum = static_cast<uint64_t>(static_cast<double>(model::total(parts)) * kScale + 0.5);
  const uint64_t below = sum - std::accumulate(shown.begin(), shown.end(), uint64_t{0});
  for (size_t i = 0; i < std::min<size_t>(below, order.size()); ++i) ++shown[order[i]];
  return shown;
}

/// Parts of less than a hundredth of a GiB as one.
std::vector<model::MemoryPart> folded(const std::vector<model::MemoryPart>& parts) {
  constexpr uint64_t kSmall = (uint64_t{1} << 30) / 100;
  std::vector<model::MemoryPart> shown;
  uint64_t small = 0;
  for (const model::MemoryPart& part : parts)
    if (part.bytes < kSmall)
      small += part.bytes;
    else
      shown.push_back(part);
  if (small > 0) shown.push_back({"smaller parts", small});
  return shown;
}

/// The largest half, quarter, ... of the micro-batch with which the fewest layers are computed
/// again: "; with train.micro_batch_tokens = 8192: 2". Empty where none helps.
std::string smaller_batches(const Group& group, const model::Plan& model) {
  std::string text;
  model::CardUse use = group.use;
  const uint32_t least = std::max<uint32_t>(use.trainer->sequence_max, 64);
  uint32_t fewest = group.plan.recomputed_layers;
  while (fewest > 0 && (use.trainer->micro_batch_tokens /= 2) >= least) {
    const auto plan = model::plan_card(model, use, group.plan.memory, model::kContextBytes);
    if (!plan.fits() || plan.recomputed_layers >= fewest) continue;
    fewest = plan.recomputed_layers;
    text = fmt::format("; with train.micro_batch_tokens = {}: {}", use.trainer->micro_batch_tokens,
                       fewest);
  }
  return text;
}

void print(const Group& group, const model::Plan& model) {
  const model::CardPlan& plan = group.plan;
  const auto parts = folded(plan.parts);
  fmt::print("\n{}{}\n", heading(group), group.cards.size() > 1 ? "; of each" : "");
  const auto shown = hundredths(parts);
  for (size_t i = 0; i < shown.size(); ++i)
    fmt::print("{:10.2f} GiB  {}\n", static_cast<double>(shown[i]) / 100, parts[i].what);
  const uint64_t sum = std::accumulate(shown.begin(), shown.end(), uint64_t{0});
  fmt::print("{:10.2f} GiB  in all, of {:.2f}: {}\n", static_cast<double>(sum) / 100,
             static_cast<double>(plan.memory) / 0x1p30, plan.fits() ? "fits" : "does not fit");
  if (plan.recomputed_layers > 0)
    fmt::print(
        "{:>10} layers of {} have their feed-forward part computed again in the backward{}\n",
        plan.recomputed_layers, model.config().layer_count, smaller_batches(group, model));
  if (group.use.decoders > 0)
    fmt::print(
        "{:>10} tokens of keys and values a decoder: {:.0f} of {} sequences at full length\n",
        uint64_t{plan.pages - 1} * gpu::kPageTokens,
        static_cast<double>(plan.pages - 1) / model::pages_for(group.use.decoder.context_max),
        group.use.decoder.slots);
}

ordered_json json_of(const Group& group) {
  const model::CardPlan& plan = group.plan;
  ordered_json parts = ordered_json::array();
  for (const model::MemoryPart& part : plan.parts)
    parts.push_back({{"part", part.what}, {"bytes", part.bytes}});
  return {{"cards", group.cards},
          {"ranks", group.use.trainer ? group.use.ranks : 0},
          {"zero", group.use.zero == model::Zero::kWeights ? 3 : 1},
          {"decoders", group.use.decoders},
          {"scores", group.use.sequence_max > 0},
          {"memory", plan.memory},
          {"used", plan.used()},
          {"fits", plan.fits()},
          {"parts", parts},
          {"recomputed_layers", plan.recomputed_layers},
          {"kv_tokens", plan.pages == 0 ? 0 : uint64_t{plan.pages - 1} * gpu::kPageTokens}};
}

/// What the arguments make of the recipe's cards.
CardUses uses_of(config::Recipe recipe, const PlanMemoryArguments& arguments) {
  const bool learns = arguments.roles.empty() || arguments.roles == "learner";
  if (recipe.engine.device == "cpu") recipe.engine.device = "cuda";
  if (arguments.gpus > 1 && !learns)
    throw InputError("--gpus " + std::to_string(arguments.gpus) +
                     ": cards that train together; there are none with --roles " + arguments.roles);
  if (arguments.gpus > 0) recipe.train.ranks = arguments.gpus;
  recipe.train.local_ranks = 0;
  if (arguments.zero > 0) recipe.train.zero = arguments.zero;
  if (arguments.pretrain) return pretraining_card_uses(recipe);
  if (!learns) return card_uses(recipe, Roles::parse(arguments.roles), false);
  if (!arguments.roles.empty()) {  // The samplers are on other cards.
    const uint32_t first = config::card_range(recipe.engine.device)->first;
    recipe.engine.sampler_device = "cuda:" + std::to_string(first + recipe.train.ranks);
    CardUses uses = card_uses(recipe, {}, true);
    std::erase_if(uses.cards, [](const auto& card) { return !card.second.trainer; });
    return uses;
  }
  const uint32_t references = recipe.train.kl_coef != 0 ? recipe.reference.workers : 0;
  return card_uses(recipe, {.samplers = recipe.rollout.samplers, .references = references}, true);
}

/// The recipe's model, or another's numbers; its name.
std::pair<std::string, model::ModelConfig> model_of(const std::string& path, std::string like) {
  if (like.empty() && path.empty())
    throw InputError("plan-memory: the recipe names no model; give --like, as qwen2.5-7b");
  if (!like.empty()) return {like, model::known_model(like)};
  // Where it is not there its name may say enough: models/Qwen2.5-0.5B.
  for (const char c : std::filesystem::path(path).filename().string())
    like += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  const auto names = model::known_model_names();
  if (!std::filesystem::exists(path) && std::find(names.begin(), names.end(), like) != names.end())
    return {path + " (not there; with the numbers of " + like + ")", model::known_model(like)};
  return {path, model::load_config(path)};
}

}  // namespace

int run_plan_memory(const PlanMemoryArguments& arguments) {
  const uint64_t memory = bytes_of(arguments.gpu_memory);
  const auto recipe =
      config::load(arguments.recipe, arguments.overrides, config::Verb::kShow).recipe;
  const auto [name, config] = model_of(recipe.model.path, arguments.like);
  model::require_runnable(config, name);
  const model::Plan plan(config);
  const auto groups = groups_of(uses_of(recipe, arguments), plan, memory);
  if (groups.empty())
    throw InputError("plan-memory: --roles " + arguments.roles + ": nothing that needs a card");
  const auto refused = std::find_if(groups.begin(), groups.end(),
                                    [](const Group& group) { return !group.plan.fits(); });
  if (arguments.json) {
    ordered_json cards = ordered_json::array();
    for (const Group& group : groups) cards.push_back(json_of(group));
    const ordered_json all{{"model", name}, {"fits", refused == groups.end()}, {"cards", cards}};
    fmt::print("{}\n", all.dump(2));
  } else {
    fmt::print("{}\n", name);
    for (const Group& group : groups) print(group, plan);
  }
  std::fflush(stdout);
  if (refused != groups.end())
    throw InputError("card " + std::to_string(refused->cards.front()) + ": " + name + " " +
                     refused->plan.refusal(refused->use));
  return 0;
}

}  // namespace thespis::app
