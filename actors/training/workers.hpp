#pragma once
// The workers of this process: samplers, reward workers, references, each with what it computes on.
// Used by a training (all in one process) and by a node that joined one.

#include <memory>
#include <string>
#include <vector>

#include "actors/base/weight_receiver.hpp"
#include "actors/reward/code_reward_actor.hpp"
#include "actors/reward/reward_actor.hpp"
#include "actors/training/host.hpp"
#include "model/tokenizer/stop_strings.hpp"
#include "runtime/config/recipe.hpp"

namespace thespis {

/// Of worker processes as of `thespis node --roles`: how many of each.
struct Roles {
  uint32_t samplers = 0, rewards = 0, references = 0, code_rewards = 0, learners = 0;
  /// "sampler=1,reward=4,code_reward=2"; InputError names what is not a role or not a number.
  static Roles parse(const std::string& text);
  std::string text() const;
  bool operator==(const Roles&) const = default;
};

struct Worker {
  std::string role;
  caf::actor actor;
  uint32_t capacity;  ///< Jobs that it takes at a time.
};

/// What `engine.threads` or --threads asks for; 0: all cores.
unsigned thread_count(uint32_t asked);

/// How this recipe's rewards judge: the rules of tasks/ with its weights, and its delays.
RewardOptions reward_options(const config::Recipe& recipe);

/// Which role judges tasks of a kind: "reward", or "code_reward" where programs are run.
std::string reward_role(std::string_view kind);

/// Code-reward workers of one host: what the recipe says; "auto": as many as keep its processors
/// busy, two at least.
uint32_t code_worker_count(const config::Recipe& recipe);

class Workers {
 public:
  /// `receiver` only where weights come from another process; `stop_strings` null where the recipe
  /// has none. All borrowed things outlive this.
  Workers(const Host& host, const config::Recipe& recipe, RewardOptions rewards,
          std::shared_ptr<WeightReceiver> receiver,
          std::shared_ptr<const model::StopStrings> stop_strings);
  std::vector<Worker> spawn(const Roles& roles);
  Worker spawn_sampler();
  Worker spawn_reward();
  /// With a sandbox of its own. Throws InputError where this machine cannot wall programs in.
  Worker spawn_code_reward();
  Worker spawn_reference();
  /// A rank of a training elsewhere.
  Worker spawn_learner();

 private:
  env::Compute& new_compute(const std::string& name);

  const Host host_;
  const config::Recipe& recipe_;
  const RewardOptions rewards_;
  std::shared_ptr<WeightReceiver> receiver_;
  std::shared_ptr<const model::StopStrings> stop_strings_;
  std::vector<std::unique_ptr<env::Compute>> computes_;
};

}  // namespace thespis
