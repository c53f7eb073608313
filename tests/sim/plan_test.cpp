// Goal: a plan's numbers are those that a pencil gives where one can, its bottleneck is what was
// made scarce, and what it says is needed is enough and no more. Method: small clusters with round
// times.

#include "sim/plan/plan.hpp"

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "actors/reward/reward_actor.hpp"
#include "runtime/base/error.hpp"
#include "sim/kernel/shared_cores.hpp"
#include "sim/plan/picture.hpp"
#include "sim/plan/times.hpp"

namespace thespis::sim {
namespace {

using Catch::Approx;
using Catch::Matchers::ContainsSubstring;

/// 32 rollouts a step of 100 tokens: 1 s of decoding on one sampler, 0.1 s of judging, 2 s of
/// learning.
Scenario cluster(uint32_t max_age) {
  config::Recipe recipe;
  recipe.train.steps = 1;
  recipe.train.learning_rate = 1e-4;
  recipe.train.groups_per_step = 4;
  recipe.train.max_age = max_age;
  recipe.rollout.group_size = 8;
  recipe.rollout.slots = 64;
  recipe.rollout.max_response_length = 200;
  recipe.rewards.capacity = 4;
  Scenario s = parse_cluster(R"(
[workload]
response_median = 100
response_sigma = 0
[[gpu]]
name = "gpu"
decode_step_ms = 10
decode_sequence_us = 0
prefill_token_us = 0
score_token_us = 0.1
train_token_us = 0
train_step_s = 2
[[node]]
name = "sampler"
samplers = 1
[[node]]
name = "reference"
references = 1
[[node]]
name = "reward"
rewards = 8
[[reward]]
name = "rules"
median_s = 0.1
sigma = 0
)",
                             "cluster.toml", recipe);
  return s;
}

TEST_CASE("plan: a synchronous step takes sampling, judging and learning, one after the other") {
  const Prediction p = predict(cluster(0));
  CHECK(p.step_s == Approx(1 + 0.1 + 2).epsilon(0.02));
  CHECK(p.idle_share == Approx(1.1 / 3.1).epsilon(0.03));
  REQUIRE(p.ages.size() == 1);
  CHECK(p.ages[0] == Approx(1));
}

TEST_CASE("plan: with an age bound the slowest part alone decides") {
  const Prediction p = predict(cluster(2));
  CHECK(p.step_s == Approx(2).epsilon(0.02));
  CHECK(p.idle_share < 0.02);
  CHECK(p.ages.size() > 1);
  CHECK(bottleneck_of(cluster(2), p).name == "learner");
}

TEST_CASE("plan: chance moves a run with a long tail, and nothing where nothing is drawn") {
  const Spread none = spread_of(cluster(0), 3);
  CHECK(none.most == Approx(none.least).epsilon(1e-3));  // But for the links' jitter.
  Scenario tail = cluster(0);
  tail.rewards[0].sigma = 1;
  const Spread some = spread_of(tail, 4);
  CHECK(some.most > 1.05 * some.least);
}

// The sleeps of a recipe are part of the run that is planned: the longest of a group's step, and
// with a single group a step nothing else waits.
TEST_CASE("plan: a recipe that delays its verdicts is simulated with its own draws") {
  config::Recipe recipe = cluster(0).recipe;
  recipe.rewards.delay_mean_s = 50;
  recipe.rewards.delay_sigma = 1;
  recipe.rewards.capacity = 100;
  recipe.train.groups_per_step = 1;
  recipe.rewards.deadline_s = 36'000;
  const Scenario s = parse_cluster(R"(
[workload]
response_median = 100
response_sigma = 0
[cluster]
head_samplers = 1
head_rewards = 1
head_references = 1
[[gpu]]
name = "gpu"
decode_step_ms = 0.001
train_token_us = 0
train_step_s = 0
)",
                                   "cluster.toml", recipe);
  double sum = 0;
  constexpr uint64_t kFirst = 1, kSteps = 16;  // Of a prediction: without the first step.
  for (uint64_t group = kFirst; group < kFirst + kSteps; ++group) {
    double longest = 0;
    for (uint32_t sample = 0; sample < recipe.rollout.group_size; ++sample)
      longest = std::max(longest, reward_delay_s(50, 1, recipe.seed, group, sample));
    sum += longest;
  }
  CHECK(predict(s).step_s == Approx(sum / kSteps).epsilon(0.01));
}

TEST_CASE("plan: the bottleneck is what was made scarce") {
  Scenario slow_decode = cluster(2);
  slow_decode.gpus[0].decode_step_ms = 100;
  slow_decode.recipe.rollout.slots = 8;  // So that a second sampler takes over half of them.
  CHECK(bottleneck_of(slow_decode, predict(slow_decode)).name == "sampler");
  Scenario slow_rewards = cluster(2);
  slow_rewards.rewards[0].median_s = 10;  // 32 of them in 32 places: 10 s a step.
  const Prediction p = predict(slow_rewards);
  CHECK(p.step_s == Approx(10).epsilon(0.05));
  CHECK(bottleneck_of(slow_rewards, p).name == "reward");
  for (const auto& role : p.roles)
    if (role.name == "reward") CHECK(role.busy_share > 0.9);
  Scenario slow_scores = cluster(2);
  slow_scores.gpus[0].score_token_us = 3000;
  CHECK(bottleneck_of(slow_scores, predict(slow_scores)).name == "reference");
  Scenario bound = cluster(0);
  CHECK(bottleneck_of(bound, predict(bound)).name == "max_age");
}

TEST_CASE("plan: what is needed keeps the learner busy, and less does not") {
  Scenario s = cluster(2);
  s.rewards[0].median_s = 3;
  constexpr double kIdle = 0.05;
  const Need need = need_of(s, kIdle);
  REQUIRE(need.reached);
  CHECK(need.idle_share <= kIdle);
  CHECK(need.samplers == 1);
  CHECK(need.rewards >= 11);  // 16 verdicts a second, each 3 s, four at a time: 12 workers,
  CHECK(need.rewards <= 17);  // and some more, because rollouts end in bursts.
  CHECK(predict(with(s, Knob::kRewards, need.rewards * 3 / 4)).idle_share > kIdle);
  CHECK_FALSE(need_of(cluster(0), kIdle).reached);
}

TEST_CASE("plan: a run's metrics become times that give that run again") {
  const std::string line =
      R"({"step": 1, "age_max": 0, "learner_busy_s": 0.9, "learner_wait_s": 2.5,)"
      R"( "response_length_mean": 60, "response_length_std": 30})"
      "\n";
  const Measured measured = read_metrics(line + line + line, "m.jsonl");
  CHECK(measured.steps == 2);
  Scenario s = cluster(0);
  calibrate(s, measured);
  s.rewards[0].median_s = 1e-6;
  const Prediction p = predict(s);
  CHECK(p.learner_busy_s == Approx(0.9).epsilon(0.03));
  CHECK(p.step_s == Approx(3.4).epsilon(0.03));
}

TEST_CASE("plan: metrics that say nothing are refused by line and key") {
  const auto refusal = [](const std::string& text) -> std::string {
    try {
      read_metrics(text, "m.jsonl");
    } catch (const InputError& error) {
      return error.what();
    }
    return "accepted";
  };
  CHECK_THAT(refusal(""), ContainsSubstring("m.jsonl: fewer than two steps"));
  CHECK_THAT(refusal("what\n"), ContainsSubstring("m.jsonl:1: no JSON object"));
  CHECK_THAT(refusal("{\"age_max\": 1}\n"), ContainsSubstring("train.max_age=0"));
  CHECK_THAT(refusal("{\"age_max\": 0}\n{\"age_max\": 0, \"learner_busy_s\": \"x\"}\n"),
             ContainsSubstring("m.jsonl:2: learner_busy_s must be a number"));
}

TEST_CASE("plan: computations that share cores slow each other down") {
  EventQueue queue;
  SharedCores cores(queue);
  std::vector<std::pair<char, double>> ends;
  const auto note = [&](char name) {
    return [&ends, &queue, name] { ends.emplace_back(name, env::seconds(queue.now())); };
  };
  cores.run(1, note('a'));
  queue.at(duration(0.5), [&] { cores.run(1, note('b')); });
  while (queue.step()) {
  }
  // a has half of its second when b begins: both at half speed until 1.5, then b alone.
  REQUIRE(ends.size() == 2);
  CHECK(ends[0].first == 'a');
  CHECK(ends[0].second == Approx(1.5).margin(1e-6));
  CHECK(ends[1].second == Approx(2.0).margin(1e-6));
}

TEST_CASE("plan: a picture shows each point") {
  const std::string svg = sweep_svg("a < b", "rewards", {{1, 10, 0.5}, {64, 20, 0}});
  CHECK_THAT(svg, ContainsSubstring("a &lt; b"));
  CHECK_THAT(svg, ContainsSubstring(">64<"));
  CHECK(svg.ends_with("</svg>\n"));
}

}  // namespace
}  // namespace thespis::sim
