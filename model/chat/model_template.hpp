#pragma once
// The chat template of a model directory, and the prompts that it makes.

#include <ctime>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "model/chat/chat_template.hpp"

namespace thespis::model::chat {

class ModelTemplate {
 public:
  /// Reads chat_template.jinja, or else "chat_template" of tokenizer_config.json (a text, or a list
  /// of named ones, of which "default" is taken); that file also has the special tokens. Throws
  /// InputError: neither is there, or the template cannot be used.
  static ModelTemplate load(const std::filesystem::path& dir);

  /// The text that asks the model for its answer: `messages`, a JSON list, with the generation
  /// prompt; as Hugging Face's apply_chat_template, without tools. It has the BOS token where the
  /// template says so. Throws InputError, also with what the template raises.
  std::string prompt(std::string_view messages, std::optional<std::tm> now) const;

 private:
  explicit ModelTemplate(ChatTemplate chat_template) : template_(std::move(chat_template)) {}
  ChatTemplate template_;
  ChatTemplate::Variables tokens_;  // bos_token, eos_token, ...
};

}  // namespace thespis::model::chat
