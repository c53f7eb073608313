#include "sim/engine/sim_inputs.hpp"

#include "sim/engine/sim_engine.hpp"
#include "tasks/countdown/tiny_tokenizer.hpp"

namespace thespis::sim {

RunInputs simulated_inputs(const config::Recipe& recipe) {
  RunInputs inputs;
  inputs.recipe = recipe;
  inputs.tokenizer = std::make_shared<const model::Tokenizer>(
      model::Tokenizer::parse(tasks::tiny_tokenizer_json(), "the simulator's tokenizer"));
  model::ModelConfig config;
  config.vocab_size = inputs.tokenizer->vocab_size();
  config.hidden_size = config.head_dim = config.ffn_size = 16;
  config.layer_count = config.head_count = config.kv_head_count = 1;
  config.context_max = 16;  // Nothing is computed: no tables for long positions.
  config.eos_tokens = {static_cast<int32_t>(config.vocab_size) - 1};
  inputs.stop_tokens = config.eos_tokens;
  inputs.policy = std::make_shared<const model::Policy>(simulated_weights(config, 0), 0);
  inputs.train = tasks::make_data_set(recipe.data, recipe.seed, tasks::Split::kTrain);
  inputs.test = tasks::make_data_set(recipe.data, recipe.seed, tasks::Split::kTest);
  return inputs;
}

}  // namespace thespis::sim
