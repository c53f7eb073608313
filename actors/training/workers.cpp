#include "actors/training/workers.hpp"

#include <charconv>
#include <sstream>
#include <thread>
#include <utility>

#include "actors/reference/reference_actor.hpp"
#include "actors/sampler/sampler_actor.hpp"
#include "runtime/base/error.hpp"
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
    else
      throw InputError("--roles: '" + role + "' is no role; roles are sampler, reward, reference");
  }
  if (roles.samplers + roles.rewards + roles.references == 0)
    throw InputError("--roles: no role given; for example sampler=1,reward=4");
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
  return text;
}

unsigned thread_count(uint32_t asked) {
  return asked != 0 ? asked : std::thread::hardware_concurrency();
}

Workers::Workers(const Host& host, const config::Recipe& recipe, RewardOptions rewards,
                 std::shared_ptr<WeightReceiver> receiver)
    : host_(host), recipe_(recipe), rewards_(std::move(rewards)), receiver_(std::move(receiver)) {}

env::Compute& Workers::new_compute(const std::string& name) {
  return *computes_.emplace_back(host_.make_compute(name));
}

std::vector<Worker> Workers::spawn(const Roles& roles) {
  std::vector<Worker> workers;
  for (uint32_t i = 0; i < roles.samplers; ++i) workers.push_back(spawn_sampler());
  for (uint32_t i = 0; i < roles.rewards; ++i) workers.push_back(spawn_reward());
  for (uint32_t i = 0; i < roles.references; ++i) workers.push_back(spawn_reference());
  return workers;
}

Worker Workers::spawn_sampler() {
  const auto& rollout = recipe_.rollout;
  SamplerOptions options;
  options.limits = {rollout.slots, rollout.max_prompt_length + rollout.max_response_length};
  options.engine = &host_.engine;
  options.compute = &new_compute("sampler");
  options.receiver = receiver_;
  // A quarter more than it decodes at a time, so that a finished sequence's slot is refilled at
  // once.
  const uint32_t capacity = rollout.slots + rollout.slots / 4;
  return {"sampler", host_.system.spawn<SamplerActor>(std::move(options)), capacity};
}

Worker Workers::spawn_reward() {
  return {"reward", host_.system.spawn<RewardActor>(rewards_), recipe_.rewards.capacity};
}

Worker Workers::spawn_reference() {
  ReferenceOptions options;
  options.engine = &host_.engine;
  options.compute = &new_compute("reference");
  options.receiver = receiver_;
  return {"reference", host_.system.spawn<ReferenceActor>(std::move(options)), kReferenceCapacity};
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
