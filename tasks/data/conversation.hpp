#pragma once
// The question of a row: a text, or the last turn of a conversation.

#include <functional>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "runtime/config/recipe.hpp"

namespace thespis::tasks {

/// What the model's side adds to a data set; it may be left empty.
struct PromptMaker {
  /// The prompt that the model's chat template makes of `messages`, a JSON list. Throws InputError.
  std::function<std::string(const std::string& messages)> chat;
  /// Throws InputError where a prompt cannot be used: too long, or not in the model's alphabet.
  std::function<void(const std::string& prompt)> check;
};

/// What a path like "extra_info.question" or "turns.0.text" leads to; a key that is the whole path
/// comes first. nullptr: nothing.
const nlohmann::ordered_json* find_field(const nlohmann::ordered_json& row, std::string_view path);

/// The prompt for `question`, a text or a list of messages ({"role", "content"}, ...): of those,
/// the last one of the user is the question; what follows it is left out; what comes before it
/// needs data.template = "chat". Throws InputError.
std::string prompt_for(const nlohmann::ordered_json& question, config::PromptTemplate wanted,
                       const PromptMaker& maker);

}  // namespace thespis::tasks
