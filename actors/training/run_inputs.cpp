#include "actors/training/run_inputs.hpp"

#include <algorithm>

#include "model/chat/model_template.hpp"
#include "runtime/base/error.hpp"

namespace thespis {
namespace {

void check_length(size_t token_count, const config::Recipe& recipe) {
  const uint32_t limit = recipe.rollout.max_prompt_length;
  if (token_count > limit)
    throw InputError("its prompt has " + std::to_string(token_count) +
                     " tokens, more than rollout.max_prompt_length = " + std::to_string(limit));
}

/// Prompts as the recipe's model wants them: its chat template, its alphabet, its length.
tasks::PromptMaker prompt_maker(const config::Recipe& recipe,
                                std::shared_ptr<const model::Tokenizer> tokenizer) {
  tasks::PromptMaker maker;
  if (recipe.data.prompt_template == config::PromptTemplate::kChat) {
    using model::chat::ModelTemplate;
    std::optional<std::tm> now;
    if (!recipe.data.date.empty()) now = model::chat::parse_time(recipe.data.date);
    maker.chat = [chat = ModelTemplate::load(recipe.model.path), now](const std::string& messages) {
      return chat.prompt(messages, now);
    };
  }
  maker.check = [recipe, tokenizer = std::move(tokenizer)](const std::string& prompt) {
    check_length(tokenizer->encode(prompt).size(), recipe);
  };
  return maker;
}

}  // namespace

std::shared_ptr<const model::StopStrings> stop_strings(const config::Recipe& recipe,
                                                       const model::Tokenizer& tokenizer) {
  const auto& texts = recipe.rollout.stop;
  if (texts.empty()) return nullptr;
  return std::make_shared<const model::StopStrings>(texts, tokenizer);
}

RunInputs load_inputs(const config::Recipe& recipe) {
  RunInputs inputs;
  inputs.recipe = recipe;
  const auto& dir = recipe.model.path;
  inputs.tokenizer = std::make_shared<const model::Tokenizer>(model::Tokenizer::load(dir));
  auto weights = std::make_shared<const model::Weights>(model::load_weights(dir));
  const model::ModelConfig& config = weights->config;
  if (inputs.tokenizer->vocab_size() > config.vocab_size)
    throw InputError(dir + ": the tokenizer has " + std::to_string(inputs.tokenizer->vocab_size()) +
                     " tokens, the model only " + std::to_string(config.vocab_size));
  const uint64_t length =
      uint64_t{recipe.rollout.max_prompt_length} + recipe.rollout.max_response_length;
  if (length > config.context_max)
    throw InputError("rollout.max_prompt_length + rollout.max_response_length is " +
                     std::to_string(length) + ", more than the model's context of " +
                     std::to_string(config.context_max));
  inputs.companions = model::load_companions(dir);
  inputs.stop_tokens = model::stop_tokens(config, *inputs.tokenizer);
  if (inputs.stop_tokens.empty())
    throw InputError(dir + ": neither config.json nor tokenizer_config.json names an eos token");
  inputs.stop_strings = stop_strings(recipe, *inputs.tokenizer);
  inputs.policy = std::make_shared<const model::Policy>(std::move(weights), 0);
  const auto maker = prompt_maker(recipe, inputs.tokenizer);
  inputs.train = tasks::make_data_set(recipe.data, recipe.seed, tasks::Split::kTrain, maker);
  inputs.test = tasks::make_data_set(recipe.data, recipe.seed, tasks::Split::kTest, maker);
  prompt_text(inputs, *inputs.train, 0);  // The template must be in the tokenizer's alphabet.
  return inputs;
}

PromptText prompt_text(const RunInputs& inputs, const tasks::DataSet& data, uint64_t index) {
  const tasks::Task task = data.at(index);
  return {inputs.tokenizer->encode(task.prompt), task.row};
}

std::vector<PromptText> held_out_prompts(const RunInputs& inputs) {
  uint64_t count = inputs.recipe.eval.prompts;
  if (const auto size = inputs.test->size()) count = std::min(count, *size);
  std::vector<PromptText> prompts;
  for (uint64_t i = 0; i < count; ++i) prompts.push_back(prompt_text(inputs, *inputs.test, i));
  return prompts;
}

EpisodeContext episode_context(const RunInputs& inputs, const env::Clock& clock) {
  const auto& rollout = inputs.recipe.rollout;
  EpisodeContext context;
  context.tokenizer = inputs.tokenizer;
  context.clock = &clock;
  context.group_size = rollout.group_size;
  context.max_tokens = rollout.max_response_length;
  context.temperature = static_cast<float>(rollout.temperature);
  context.cut = {.top_p = static_cast<float>(rollout.top_p),
                 .top_k = rollout.top_k,
                 .min_p = static_cast<float>(rollout.min_p)};
  context.seed = inputs.recipe.seed;
  context.stop_tokens = inputs.stop_tokens;
  context.kind = inputs.train->at(0).kind;
  // Longer than any chain of attempts of the pools, which act first and by name.
  const auto& recipe = inputs.recipe;
  const double attempts = 1 + recipe.rewards.retries;
  const double seconds =
      2 * attempts * (rollout.deadline_s + recipe.rewards.deadline_s + recipe.reference.deadline_s);
  context.deadline = env::milliseconds(seconds);
  return context;
}

}  // namespace thespis
