#pragma once
// The workers of this process: samplers, reward workers, references, each with what it computes on.
// Used by a training (all in one process) and by a node that joined one.

#include <memory>
#include <string>
#include <vector>

#include "actors/base/weight_receiver.hpp"
#include "actors/reward/reward_actor.hpp"
#include "gpu/thread_pool.hpp"
#include "runtime/config/recipe.hpp"
#include "runtime/env/compute.hpp"

namespace thespis::app {

/// Of worker processes as of `thespis node --roles`: how many of each.
struct Roles {
  uint32_t samplers = 0, rewards = 0, references = 0;
  /// "sampler=1,reward=4"; InputError names what is not a role or not a number.
  static Roles parse(const std::string& text);
  std::string text() const;
};

struct Worker {
  std::string role;
  caf::actor actor;
  uint32_t capacity;  ///< Jobs that it takes at a time.
};

/// What `engine.threads` or --threads asks for; 0: all cores.
unsigned thread_count(uint32_t asked);

class Workers {
 public:
  /// `receiver` only where weights come from another process. All borrowed things outlive this.
  Workers(caf::actor_system& system, const config::Recipe& recipe, gpu::ThreadPool& threads,
          std::shared_ptr<WeightReceiver> receiver);
  std::vector<Worker> spawn(const Roles& roles);
  Worker spawn_sampler();
  Worker spawn_reward();
  Worker spawn_reference();

 private:
  env::Compute& new_compute(const std::string& name);

  caf::actor_system& system_;
  const config::Recipe& recipe_;
  gpu::ThreadPool& threads_;
  std::shared_ptr<WeightReceiver> receiver_;
  std::vector<std::unique_ptr<env::ComputeThread>> computes_;
};

/// The rules of tasks/ with this recipe's weights.
JudgeRule judge_rule(const config::RewardsSection& rewards);

}  // namespace thespis::app
