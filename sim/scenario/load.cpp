#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "runtime/base/error.hpp"
#include "runtime/config/check.hpp"
#include "runtime/config/keys.hpp"
#include "runtime/config/table_reader.hpp"
#include "runtime/env/file_system.hpp"
#include "sim/scenario/keys.hpp"

namespace thespis::sim {
namespace {

using config::at_line;

/// What the lists' elements said, and where: for messages about them.
struct Places {
  std::vector<std::string> nodes, faults;
};

template <class T>
std::vector<T> read_list(const toml::table& document, const char* name,
                         std::span<const config::KeyOf<T>> keys, const std::string& source,
                         std::vector<std::string>* places = nullptr) {
  std::vector<T> elements;
  const toml::node* node = document.get(name);
  if (node == nullptr) return elements;
  const toml::array* list = node->as_array();
  const std::string wanted = fmt::format("{} must be a list of tables, as [[{}]]", name, name);
  if (list == nullptr) throw InputError(at_line(source, *node) + ": " + wanted);
  for (const toml::node& element : *list) {
    const toml::table* table = element.as_table();
    if (table == nullptr) throw InputError(at_line(source, element) + ": " + wanted);
    T value;
    config::read_table(keys, value, *table, "", source,
                       [](std::string_view, const std::string&) {});
    elements.push_back(std::move(value));
    if (places != nullptr) places->push_back(at_line(source, element));
  }
  return elements;
}

config::Recipe read_recipe(const toml::table& document, const Scenario& scenario,
                           const std::string& source) {
  config::Loaded loaded;
  if (!scenario.recipe_file.empty())
    loaded = config::load(scenario.recipe_file, {}, config::Verb::kShow);
  if (const toml::node* node = document.get("recipe")) {
    const toml::table* table = node->as_table();
    if (table == nullptr) config::refuse_not_a_table(at_line(source, *node), "recipe", *node);
    config::read_table(config::keys(), loaded.recipe, *table, "", source,
                       [&loaded](std::string_view key, const std::string& place) {
                         loaded.provenance.insert_or_assign(std::string(key), place);
                       });
  }
  if (loaded.recipe.train.steps == 0)
    throw InputError(source + ": recipe.train.steps is missing; must be at least 1");
  if (loaded.recipe.train.learning_rate == 0) loaded.recipe.train.learning_rate = 1e-4;
  config::check_together(loaded);
  return loaded.recipe;
}

void check_gpu(const Scenario& s, const std::string& wanted, const std::string& place) {
  if (wanted.empty()) return;
  for (const GpuKind& gpu : s.gpus)
    if (gpu.name == wanted) return;
  throw InputError(
      fmt::format("{}: gpu = \"{}\": there is no [[gpu]] of that name", place, wanted));
}

void check_roles(const Scenario& s, const std::string& source) {
  uint64_t samplers = s.cluster.head_samplers, rewards = s.cluster.head_rewards,
           references = s.cluster.head_references;
  for (const NodeGroup& group : s.nodes) {
    samplers += uint64_t{group.samplers} * group.count;
    rewards += uint64_t{group.rewards} * group.count;
    references += uint64_t{group.references} * group.count;
  }
  const auto need = [&source](uint64_t workers, const char* role, const char* key) {
    if (workers == 0)
      throw InputError(
          fmt::format("{}: no node has a {}: such a cluster can never make progress; "
                      "give a [[node]] {} = 1, or [cluster] head_{} = 1",
                      source, role, key, key));
  };
  need(samplers, "sampler", "samplers");
  need(rewards, "reward worker", "rewards");
  if (s.recipe.train.kl_coef != 0) need(references, "reference", "references");
}

void check_names(const Scenario& s, const Places& places) {
  std::set<std::string> known{"any", "head"};
  for (size_t i = 0; i < s.nodes.size(); ++i) {
    if (s.nodes[i].name.empty())
      throw InputError(places.nodes[i] + ": the node has no name; must be name = \"...\"");
    if (!known.insert(s.nodes[i].name).second)
      throw InputError(places.nodes[i] +
                       ": there is another node of that name: " + s.nodes[i].name);
    check_gpu(s, s.nodes[i].gpu, places.nodes[i]);
  }
  for (const std::string& name : node_names(s)) known.insert(name);
  for (size_t i = 0; i < s.faults.size(); ++i) {
    const Fault& fault = s.faults[i];
    for (const std::string& name : {fault.node, fault.peer}) {
      if (known.contains(name)) continue;
      std::string nearest;
      for (const std::string& other : known)
        if (nearest.empty() ||
            config::edit_distance(name, other) < config::edit_distance(name, nearest))
          nearest = other;
      throw InputError(fmt::format("{}: {} of node \"{}\", which does not exist; the nearest is {}",
                                   places.faults[i], name_of(fault.kind), name, nearest));
    }
    if (fault.every_s == 0 && fault.at_s >= s.check.faults_until_s)
      throw InputError(fmt::format("{}: at_s = {}: must be below check.faults_until_s = {}",
                                   places.faults[i], fault.at_s, s.check.faults_until_s));
  }
}

}  // namespace

const GpuKind& Scenario::gpu(const std::string& wanted) const {
  for (const GpuKind& kind : gpus)
    if (kind.name == wanted) return kind;
  return gpus.front();
}

std::vector<std::string> node_names(const Scenario& scenario) {
  std::vector<std::string> names{"head"};
  for (const NodeGroup& group : scenario.nodes)
    for (uint32_t i = 0; i < group.count; ++i)
      names.push_back(group.count == 1 ? group.name : group.name + "-" + std::to_string(i));
  return names;
}

namespace {

/// All but the recipe.
Scenario read_scenario(const toml::table& document, std::string_view text,
                       const std::string& source, Places& places) {
  Scenario scenario;
  scenario.gpus = read_list(document, "gpu", gpu_keys(), source);
  scenario.nodes = read_list(document, "node", node_keys(), source, &places.nodes);
  scenario.rewards = read_list(document, "reward", reward_keys(), source);
  scenario.faults = read_list(document, "fault", fault_keys(), source, &places.faults);
  toml::table own = config::parse_toml(text, source);  // A copy would forget its lines.
  for (const char* list : {"gpu", "node", "reward", "fault", "recipe"}) own.erase(list);
  config::read_table(scenario_keys(), scenario, own, "", source,
                     [](std::string_view, const std::string&) {});
  if (scenario.gpus.empty()) scenario.gpus.emplace_back();
  return scenario;
}

void check(const Scenario& scenario, const Places& places, const std::string& source) {
  check_names(scenario, places);
  check_gpu(scenario, scenario.cluster.head_gpu, source + ": cluster");
  check_roles(scenario, source);
}

std::string read_file(const char* what, const std::string& path) {
  try {
    const auto bytes = env::RealFileSystem().read(path, config::kRecipeBytesMax);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  } catch (const env::FileError& error) {
    throw InputError(std::string(what) + " " + error.what());
  }
}

}  // namespace

Scenario parse_scenario(std::string_view text, const std::string& source) {
  const toml::table document = config::parse_toml(text, source);
  Places places;
  Scenario scenario = read_scenario(document, text, source, places);
  scenario.recipe = read_recipe(document, scenario, source);
  if (scenario.rewards.empty()) scenario.rewards.emplace_back();
  check(scenario, places, source);
  return scenario;
}

Scenario parse_cluster(std::string_view text, const std::string& source,
                       const config::Recipe& recipe) {
  const toml::table document = config::parse_toml(text, source);
  for (const char* name : {"recipe", "recipe_file", "check", "fault"})
    if (const toml::node* node = document.get(name))
      throw InputError(fmt::format("{}: {}: a cluster to plan for has none; it is for scenarios",
                                   at_line(source, *node), name));
  Places places;
  Scenario scenario = read_scenario(document, text, source, places);
  scenario.recipe = recipe;
  // What is learned does not matter here: only how long it takes.
  scenario.recipe.data = {};
  scenario.recipe.data.held_out = 1;
  auto& prompt_max = scenario.recipe.rollout.max_prompt_length;
  prompt_max = std::max(prompt_max, 64u);
  scenario.recipe.train.steps = 1;
  scenario.recipe.train.learning_rate = 1e-4;
  // Of long completions a simulated token stands for several.
  constexpr uint32_t kSymbolsMax = 1024;
  auto& length = scenario.recipe.rollout.max_response_length;
  if (scenario.workload.tokens_per_symbol == 1 && length > kSymbolsMax)
    scenario.workload.tokens_per_symbol = (length + kSymbolsMax - 1) / kSymbolsMax;
  length = std::max(1u, length / scenario.workload.tokens_per_symbol);
  // Where the recipe itself delays verdicts, its own draws are used.
  if (scenario.rewards.empty() && recipe.rewards.delay_mean_s == 0) scenario.rewards.emplace_back();
  check(scenario, places, source);
  return scenario;
}

Scenario load_scenario(const std::string& path) {
  return parse_scenario(read_file("scenario", path), path);
}

Scenario load_cluster(const std::string& path, const config::Recipe& recipe) {
  return parse_cluster(read_file("cluster", path), path, recipe);
}

}  // namespace thespis::sim
