// `thespis eval`: held-out accuracy of a model directory, by the same actors that a training uses.

#include <cstdio>
#include <nlohmann/json.hpp>

#include "actors/base/ending.hpp"
#include "actors/base/failure.hpp"
#include "actors/evaluator/evaluator_actor.hpp"
#include "actors/pool/pool_actor.hpp"
#include "actors/training/card_use.hpp"
#include "actors/training/run_inputs.hpp"
#include "actors/training/workers.hpp"
#include "app/verbs.hpp"
#include "runtime/base/error.hpp"
#include "runtime/cluster/actor_config.hpp"
#include "runtime/config/load.hpp"

namespace thespis::app {

int run_eval(const EvalArguments& arguments) {
  auto loaded = config::load(arguments.recipe, arguments.overrides, config::Verb::kShow);
  if (!arguments.model.empty()) loaded.recipe.model.path = arguments.model;
  const RunInputs inputs = load_inputs(loaded.recipe);
  const config::Recipe& recipe = inputs.recipe;
  const env::RealClock clock;
  gpu::ThreadPool threads(thread_count(recipe.engine.threads));
  cluster::ActorConfig actor_config;
  caf::actor_system system(actor_config);
  const auto engine =
      make_engine(recipe.engine, threads, card_uses(recipe, {.samplers = 1}, false));
  env::RealFileSystem files;
  const Host host{system, clock, files, *engine, [](const std::string& name) {
                    return std::make_unique<env::ComputeThread>(name);
                  }};
  Workers workers(host, recipe, reward_options(recipe), nullptr, inputs.stop_strings);
  caf::scoped_actor self(system);

  const auto rewards =
      system.spawn<RewardPool>(PoolOptions{"judge", {}, {}, {}, /*may_join=*/false});
  const std::string role = reward_role(inputs.train->at(0).kind);
  const Worker judge = role == "reward" ? workers.spawn_reward() : workers.spawn_code_reward();
  caf::anon_send(rewards, worker_atom::value, judge.actor, judge.capacity);
  const Worker sampler = workers.spawn_sampler();
  const auto context = std::make_shared<EpisodeContext>(episode_context(inputs, clock));
  const auto evaluator = system.spawn<EvaluatorActor>(
      EvaluatorOptions{sampler.actor, rewards, held_out_prompts(inputs), context,
                       static_cast<float>(recipe.eval.temperature)});
  EvalReport report;
  std::string error;
  self->request(evaluator, caf::infinite, evaluate_atom::value, PolicyUpdate{inputs.policy},
                recipe.eval.samples)
      .receive([&](const EvalReport& r) { report = r; },
               [&](const caf::error& e) { error = reason_of(system, e); });
  end_all(self, {evaluator, rewards, judge.actor, sampler.actor});
  if (!error.empty()) throw Error("the evaluation failed: " + error);
  const nlohmann::ordered_json json{{"model", recipe.model.path},
                                    {"prompts", report.prompts},
                                    {"samples", report.samples},
                                    {"pass_at_1", report.pass_at_1},
                                    {"cons", report.cons},
                                    {"format", report.format},
                                    {"response_length", report.length_mean},
                                    {"seconds", report.seconds}};
  std::printf("%s\n", json.dump(2).c_str());
  return 0;
}

}  // namespace thespis::app
