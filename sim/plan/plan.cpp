#include "sim/plan/plan.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

#include "runtime/base/error.hpp"
#include "sim/simulation.hpp"

namespace thespis::sim {
namespace {

constexpr Knob kRoles[] = {Knob::kSamplers, Knob::kRewards, Knob::kReferences};
constexpr const char* kRoleNames[] = {"sampler", "reward", "reference"};
constexpr const char* kKnobNames[] = {"samplers", "rewards", "references", "max_age"};
constexpr uint64_t kStepsCounted = 16;

uint32_t& count_in(Cluster& cluster, Knob role) {
  switch (role) {
    case Knob::kSamplers:
      return cluster.head_samplers;
    case Knob::kRewards:
      return cluster.head_rewards;
    default:
      return cluster.head_references;
  }
}

uint32_t& count_in(NodeGroup& group, Knob role) {
  switch (role) {
    case Knob::kSamplers:
      return group.samplers;
    case Knob::kRewards:
      return group.rewards;
    default:
      return group.references;
  }
}

/// Steps before the pipeline is full, and at the end, where nothing is admitted any more.
uint64_t edge_of(const Scenario& s) {
  return s.recipe.train.max_age + 1;
}

Scenario to_run(const Scenario& asked) {
  Scenario s = asked;
  constexpr double kYear = 365 * 86400.0;
  s.faults.clear();
  s.recipe.train.steps = 2 * edge_of(s) + kStepsCounted;
  s.recipe.eval.prompts = 0;
  s.check.faults_until_s = 0;
  s.check.finish_within_s = kYear;
  s.check.events_max = UINT64_MAX;
  return s;
}

double time_of(const Figures::Step& step, const std::string& role) {
  const auto found = step.busy_by.find(role);
  return found == step.busy_by.end() ? 0 : found->second;
}

}  // namespace

std::string name_of(Knob knob) {
  return kKnobNames[static_cast<size_t>(knob)];
}

Knob knob_named(const std::string& name, const std::string& place) {
  for (size_t i = 0; i < std::size(kKnobNames); ++i)
    if (name == kKnobNames[i]) return static_cast<Knob>(i);
  throw InputError(place + ": '" + name +
                   "' cannot be varied; samplers, rewards, references and "
                   "max_age can");
}

uint64_t value_of(const Scenario& scenario, Knob knob) {
  if (knob == Knob::kMaxAge) return scenario.recipe.train.max_age;
  if (knob == Knob::kReferences && scenario.recipe.train.kl_coef == 0) return 0;  // No use.
  Scenario copy = scenario;
  uint64_t workers = count_in(copy.cluster, knob);
  for (NodeGroup& group : copy.nodes) workers += uint64_t{count_in(group, knob)} * group.count;
  return workers;
}

Scenario with(const Scenario& scenario, Knob knob, uint64_t value) {
  Scenario s = scenario;
  if (knob == Knob::kMaxAge) {
    s.recipe.train.max_age = static_cast<uint32_t>(value);
    return s;
  }
  NodeGroup* first = nullptr;
  for (NodeGroup& group : s.nodes)
    if (count_in(group, knob) > 0 && first == nullptr) first = &group;
  if (first == nullptr) {
    count_in(s.cluster, knob) = static_cast<uint32_t>(value);
    return s;
  }
  NodeGroup fresh;
  fresh.name = name_of(knob);
  fresh.gpu = first->gpu;
  // As many a node as there are now, so that a thousand rewards are not a thousand processes.
  const uint64_t a_node = std::clamp<uint64_t>(count_in(*first, knob), 1, value);
  count_in(fresh, knob) = static_cast<uint32_t>(a_node);
  fresh.count = static_cast<uint32_t>(value / a_node);
  NodeGroup rest = fresh;
  rest.name += "-rest";
  rest.count = 1;
  count_in(rest, knob) = static_cast<uint32_t>(value % a_node);
  count_in(s.cluster, knob) = 0;
  for (NodeGroup& group : s.nodes) count_in(group, knob) = 0;
  std::erase_if(s.nodes, [](const NodeGroup& group) {
    return group.samplers + group.rewards + group.references == 0;
  });
  s.nodes.push_back(std::move(fresh));
  if (value % a_node != 0) s.nodes.push_back(std::move(rest));
  return s;
}

Prediction predict(const Scenario& asked) {
  const Scenario scenario = to_run(asked);
  const Outcome outcome = simulate(scenario, scenario.recipe.seed);
  if (outcome.violation)
    throw Error("this cluster does not get through its steps (" + outcome.violation->promise +
                "): " + outcome.violation->text);
  const auto& steps = outcome.figures.steps;
  const size_t edge = edge_of(scenario);
  const auto& begin = steps.at(edge - 1);
  const auto& end = steps.at(edge - 1 + kStepsCounted);
  const double seconds = end.at_s - begin.at_s;
  Prediction p;
  p.dropped = outcome.dropped;
  p.step_s = seconds / kStepsCounted;
  p.steps_per_hour = 3600 / p.step_s;
  for (size_t i = edge; i < edge + kStepsCounted; ++i) {
    p.learner_busy_s += steps[i].busy_s / kStepsCounted;
    p.wait_by[steps[i].starved_by] += steps[i].wait_s / seconds;
  }
  p.idle_share = std::max(0.0, 1 - p.learner_busy_s / p.step_s);
  double tokens = 0;
  for (const uint64_t n : outcome.figures.tokens_by_age) tokens += static_cast<double>(n);
  for (const uint64_t n : outcome.figures.tokens_by_age)
    p.ages.push_back(static_cast<double>(n) / std::max(tokens, 1.0));
  for (size_t i = 0; i < std::size(kRoles); ++i) {
    Prediction::Role role;
    role.name = kRoleNames[i];
    role.workers = value_of(scenario, kRoles[i]);
    if (role.workers == 0) continue;
    const double at_a_time = kRoles[i] == Knob::kRewards ? scenario.recipe.rewards.capacity : 1;
    role.busy_share = (time_of(end, role.name) - time_of(begin, role.name)) /
                      (seconds * at_a_time * static_cast<double>(role.workers));
    if (const auto q = outcome.figures.queues.find(role.name); q != outcome.figures.queues.end()) {
      role.waiting_mean = q->second.waiting_mean();
      role.waiting_max = q->second.waiting_max;
    }
    p.roles.push_back(std::move(role));
  }
  return p;
}

Spread spread_of(const Scenario& scenario, uint32_t draws) {
  Spread spread;
  Scenario other = scenario;
  for (uint32_t i = 0; i < draws; ++i) {
    ++other.recipe.seed;
    const double rate = predict(other).steps_per_hour;
    spread.least = i == 0 ? rate : std::min(spread.least, rate);
    spread.most = std::max(spread.most, rate);
  }
  return spread;
}

Bottleneck bottleneck_of(const Scenario& scenario, const Prediction& now) {
  constexpr double kWorthIt = 1.05;
  Bottleneck best{"none", kWorthIt};
  const auto consider = [&](const std::string& name, const Scenario& more) {
    const double gain = predict(more).steps_per_hour / now.steps_per_hour;
    if (gain > best.gain) best = {name, gain};
  };
  for (size_t i = 0; i < std::size(kRoles); ++i)
    if (const uint64_t workers = value_of(scenario, kRoles[i]); workers > 0)
      consider(kRoleNames[i], with(scenario, kRoles[i], 2 * workers));
  Scenario faster = scenario;
  for (GpuKind& gpu : faster.gpus) gpu.train_token_us /= 2, gpu.train_step_s /= 2;
  consider("learner", faster);
  consider("max_age", with(scenario, Knob::kMaxAge, 2 * scenario.recipe.train.max_age + 1));
  if (best.name == "none") best.gain = 1;
  return best;
}

Need need_of(const Scenario& scenario, double idle_max) {
  constexpr int kDoublingsMax = 12;
  constexpr double kWorthIt = 0.98;
  Scenario s = scenario;
  Prediction p = predict(s);
  // Twice as many of whatever helps most, until the learner is busy or nothing helps.
  for (int i = 0; i < kDoublingsMax && p.idle_share > idle_max; ++i) {
    std::pair<Scenario, Prediction> best{s, p};
    for (const Knob role : kRoles) {
      const uint64_t workers = value_of(s, role);
      if (workers == 0) continue;
      Scenario more = with(s, role, 2 * workers);
      Prediction then = predict(more);
      if (then.step_s < best.second.step_s) best = {std::move(more), std::move(then)};
    }
    if (best.second.step_s > kWorthIt * p.step_s) break;
    std::tie(s, p) = std::move(best);
  }
  Need need;
  need.reached = p.idle_share <= idle_max;
  // Without it, what is reached should not be lost again by taking workers away.
  const double limit = need.reached ? idle_max : p.idle_share + 0.01;
  for (const Knob role : kRoles) {
    uint64_t enough = value_of(s, role);
    if (enough == 0) continue;
    uint64_t too_few = 0;
    while (enough - too_few > std::max<uint64_t>(1, enough / 16)) {
      const uint64_t middle = (enough + too_few) / 2;
      (predict(with(s, role, middle)).idle_share <= limit ? enough : too_few) = middle;
    }
    s = with(s, role, enough);
  }
  need.samplers = value_of(s, Knob::kSamplers);
  need.rewards = value_of(s, Knob::kRewards);
  need.references = value_of(s, Knob::kReferences);
  need.idle_share = predict(s).idle_share;
  return need;
}

}  // namespace thespis::sim
