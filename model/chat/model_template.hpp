#pragma once
// The chat template of a model directory, and the prompts that it makes.

#include <ctime>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "model/chat/chat_template.hpp"

namespace thespis::model::chat {

/// A template as it stands in a file; `place` names it for errors.
struct TemplateText {
  std::string text, place;
};

/// chat_template.jinja, or else "chat_template" of tokenizer_config.json: a text, or a list of
/// named ones, of which "default" is taken. None: the model has no template. Throws InputError.
std::optional<TemplateText> find_template(const std::filesystem::path& dir);

class ModelTemplate {
 public:
  /// The template that find_template finds, with the special tokens of tokenizer_config.json.
  /// Throws InputError: there is none, or it cannot be used.
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
