#pragma once
// What a run reads before any work starts: recipe, model, tokenizer, data. Everything that is
// wrong with them is found here, as one InputError.

#include <memory>
#include <string>
#include <vector>

#include "actors/conductor/conductor_actor.hpp"
#include "actors/episode/episode_actor.hpp"
#include "model/hf/hf_directory.hpp"
#include "model/tokenizer/stop_strings.hpp"
#include "model/tokenizer/tokenizer.hpp"
#include "runtime/config/recipe.hpp"
#include "tasks/data/data_set.hpp"

namespace thespis {

struct RunInputs {
  config::Recipe recipe;
  std::shared_ptr<const model::Tokenizer> tokenizer;
  std::shared_ptr<const model::Policy> policy;  ///< Version 0.
  std::shared_ptr<const tasks::DataSet> train;
  std::shared_ptr<const tasks::DataSet> test;
  std::vector<int32_t> stop_tokens;
  std::shared_ptr<const model::StopStrings> stop_strings;  ///< Null where the recipe has none.
  model::CompanionFiles companions;  ///< Of the model: saved beside the trained weights.
};

/// rollout.stop over the model's tokens; null where there is none. InputError as StopStrings.
std::shared_ptr<const model::StopStrings> stop_strings(const config::Recipe& recipe,
                                                       const model::Tokenizer& tokenizer);

/// Loads and cross-checks everything a training or an evaluation of `recipe` needs.
RunInputs load_inputs(const config::Recipe& recipe);

/// Task `index` of `data` as tokens. Throws InputError, of generated data, where it is longer than
/// max_prompt_length.
PromptText prompt_text(const RunInputs& inputs, const tasks::DataSet& data, uint64_t index);

/// The held-out prompts of an evaluation, at most eval.prompts.
std::vector<PromptText> held_out_prompts(const RunInputs& inputs);

/// What all episodes have in common; the pools are filled in by the caller.
EpisodeContext episode_context(const RunInputs& inputs, const env::Clock& clock);

}  // namespace thespis
