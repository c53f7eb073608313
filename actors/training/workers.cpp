#include "actors/training/workers.hpp"

#include <charconv>
#include <sstream>
#include <thread>
#include <utility>

#include "actors/learner/rank_learner_actor.hpp"
#include "actors/reference/reference_actor.hpp"
#include "actors/sampler/sampler_actor.hpp"
#include "runtime/base/error.hpp"
#include "tasks/code/harness.hpp"
#include "tasks/verifier.hpp"

namespace thespis {
namespace {

// Sequences that wait at a reference beside those being scored: one pass is never short of work.
constexpr uint32_t kReferenceCapacity = 256;

}  // namespace

Roles Roles::parse(const std::string& text) {
  Roles roles;
  std::istringstream parts(text);
  for (std::string part; std::getline(parts, part, ',');) {
    const auto equals = part.find('=');
    const std::string role = part.substr(0, equals);
    uint32_t count = 1;
    if (equals != std::string::npos) {
      const char* end = part.data() + part.size();
      const auto read = std::from_chars(part.data() + equals + 1, end, count);
      constexpr uint32_t kWorkersMax = 1024;
      if (read.ec != std::errc() || read.ptr != end || count == 0 || count > kWorkersMax)
        throw InputError("--roles: '" + part + "': the count must be 1 to 1024");
    }
    if (role == "sampler")
      roles.samplers += count;
    else if (role == "reward")
      roles.rewards += count;
    else if (role == "reference")
      roles.references += count;
    else if (role == "code_reward")
      roles.code_rewards += count;
    else if (role == "learner")
      roles.learners += count;
    else
      throw InputError("--roles: '" + role +
                       "' is no role; roles are sampler, reward, code_reward, reference, learner");
  }
  if (roles == Roles{}) throw InputError("--roles: no role given; for example sampler=1,reward=4");
  return roles;
}

std::string Roles::text() const {
  std::string text;
  const auto add = [&text](const char* role, uint32_t count) {
    if (count == 0) return;
    if (!text.empty()) text += ',';
    text += std::string(role) + '=' + std::to_string(count);
  };
  add("sampler", samplers);
  add("reward", rewards);
  add("reference", references);
  add("code_reward", code_rewards);
  add("learner", learners);
  return text;
}

std::string reward_role(std::string_view kind) {
  return kind == tasks::kCodeKind ? "code_reward" : "reward";
}

uint32_t code_worker_count(const config::Recipe& recipe) {
  const auto& code = recipe.rewards.code;
  if (code.workers.count != 0) return code.workers.count;
  return std::max(2u, std::thread::hardware_concurrency() / code.jobs);
}

unsigned thread_count(uint32_t asked) {
  return asked != 0 ? asked : std::thread::hardware_concurrency();
}

Workers::Workers(const Host& host, const config::Recipe& recipe, RewardOptions rewards,
                 std::shared_ptr<WeightReceiver> receiver,
                 std::shared_ptr<const model::StopStrings> stop_strings)
    : host_(host),
      recipe_(recipe),
      rewards_(std::move(rewards)),
      receiver_(std::move(receiver)),
      stop_strings_(std::move(stop_strings)) {}

env::Compute& Workers::new_compute(const std::string& name) {
  return *computes_.emplace_back(host_.make_compute(name));
}

std::vector<Worker> Workers::spawn(const Roles& roles) {
  std::vector<Worker> workers;
  for (uint32_t i = 0; i < roles.samplers; ++i) workers.push_back(spawn_sampler());
  for (uint32_t i = 0; i < roles.rewards; ++i) workers.push_back(spawn_reward());
  for (uint32_t i = 0; i < roles.references; ++i) workers.push_back(spawn_reference());
  for (uint32_t i = 0; i < roles.code_rewards; ++i) workers.push_back(spawn_code_reward());
  for (uint32_t i = 0; i < roles.learners; ++i) workers.push_back(spawn_learner());
  return workers;
}

Worker Workers::spawn_sampler() {
  const auto& rollout = recipe_.rollout;
  SamplerOptions options;
  options.limits = {rollout.slots, rollout.max_prompt_length + rollout.max_response_length};
  options.engine = &host_.engine;
  options.compute = &new_compute("sampler");
  options.receiver = receiver_;
  options.stop_strings = stop_strings_;
  options.lets_weights_go = recipe_.train.max_age == 0 && receiver_ == nullptr;
  // A quarter more than it decodes at a time, so that a finished sequence's slot is refilled at
  // once.
  const uint32_t capacity = rollout.slots + rollout.slots / 4;
  return {"sampler", host_.system.spawn<SamplerActor>(std::move(options)), capacity};
}

Worker Workers::spawn_reward() {
  return {"reward", host_.system.spawn<RewardActor>(rewards_), recipe_.rewards.capacity};
}

Worker Workers::spawn_code_reward() {
  const config::CodeRewardsSection& code = recipe_.rewards.code;
  CodeRewardOptions options;
  options.rules = {code.credit == config::Credit::kShare,
                   code.stop_at_failure,
                   code.parallel_tests,
                   code.calls_per_process,
                   code.cpu_s,
                   code.wall_s,
                   uint64_t{code.memory_mb} << 20};
  options.accuracy_weight = recipe_.rewards.accuracy_weight;
  options.format_weight = recipe_.rewards.format_weight;
  options.canary_interval = env::milliseconds(code.canary_interval_s);
  sandbox::Options walls;
  walls.jobs_at_once = code.jobs;
  walls.allow_weaker = recipe_.sandbox.allow_weaker;
  walls.python_modules = tasks::harness_modules();
  auto judge = std::make_shared<CodeJudge>(host_.make_compute("code judge"), std::move(walls));
  return {"code_reward", host_.system.spawn<CodeRewardActor>(std::move(options), std::move(judge)),
          code.capacity};
}

Worker Workers::spawn_reference() {
  ReferenceOptions options;
  options.engine = &host_.engine;
  options.compute = &new_compute("reference");
  options.receiver = receiver_;
  return {"reference", host_.system.spawn<ReferenceActor>(std::move(options)), kReferenceCapacity};
}

Worker Workers::spawn_learner() {
  RankLearnerOptions options;
  options.recipe = recipe_;
  options.model = receiver_->config();
  options.engine = &host_.engine;
  options.compute = &new_compute("learner");
  options.clock = &host_.clock;
  return {"learner", host_.system.spawn<RankLearnerActor>(std::move(options)), 1};
}

RewardOptions reward_options(const config::Recipe& recipe) {
  const auto& rewards = recipe.rewards;
  RewardOptions options;
  const tasks::RewardWeights weights{rewards.accuracy_weight, rewards.format_weight};
  options.rule = [weights](const wire::Judge::Reader& job) {
    const auto verdict =
        tasks::judge(std::string_view(job.getKind().cStr(), job.getKind().size()),
                     {job.getTask().cStr(), job.getTask().size()},
                     {job.getCompletion().cStr(), job.getCompletion().size()}, weights);
    Judgement judgement;
    judgement.score = static_cast<float>(verdict.score);
    for (const auto& [name, value] : verdict.components)
      judgement.components.emplace_back(name, static_cast<float>(value));
    judgement.answer = verdict.answer;
    judgement.detail = verdict.detail;
    return judgement;
  };
  if (rewards.delay_mean_s > 0)
    options.delay_s = [mean = rewards.delay_mean_s, sigma = rewards.delay_sigma,
                       seed = recipe.seed](const JobKey& key) {
      return reward_delay_s(mean, sigma, seed, key.group, key.sample);
    };
  return options;
}

}  // namespace thespis
