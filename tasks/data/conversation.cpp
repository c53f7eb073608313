#include "tasks/data/conversation.hpp"

#include <algorithm>
#include <charconv>

#include <nlohmann/json.hpp>

#include "runtime/base/error.hpp"
#include "tasks/data/prompt.hpp"

namespace thespis::tasks {
namespace {

using nlohmann::ordered_json;

const ordered_json* member(const ordered_json& value, std::string_view key) {
  if (value.is_object()) {
    const auto found = value.find(std::string(key));
    return found == value.end() ? nullptr : &*found;
  }
  size_t index = 0;
  const auto end = std::from_chars(key.data(), key.data() + key.size(), index);
  const bool whole = end.ec == std::errc() && end.ptr == key.data() + key.size();
  return value.is_array() && whole && index < value.size() ? &value[index] : nullptr;
}

bool is_message(const ordered_json& message) {
  const auto* role = member(message, "role");
  return role != nullptr && role->is_string();
}

/// The messages up to the last one of the user.
ordered_json up_to_question(const ordered_json& messages) {
  const std::string like = "; expected a list like [{\"role\": \"user\", \"content\": \"...\"}]";
  if (!std::all_of(messages.begin(), messages.end(), is_message))
    throw InputError("a message without a \"role\"" + like);
  size_t count = messages.size();
  while (count > 0 && messages[count - 1]["role"] != "user") --count;
  if (count == 0) throw InputError("no message of the user" + like);
  return ordered_json(
      ordered_json::array_t(messages.begin(), messages.begin() + static_cast<ptrdiff_t>(count)));
}

/// The only question of a conversation that has nothing but it.
std::string only_question(const ordered_json& messages) {
  const auto* content = member(messages.back(), "content");
  if (content == nullptr || !content->is_string())
    throw InputError("the last message of the user has no \"content\" that is a text");
  if (messages.size() > 1)
    throw InputError(
        "there are messages before the question; only data.template = \"chat\" has a "
        "place for them");
  return content->get<std::string>();
}

}  // namespace

const ordered_json* find_field(const ordered_json& row, std::string_view path) {
  if (const auto* whole = member(row, path)) return whole;
  const ordered_json* value = &row;
  while (value != nullptr) {
    const size_t dot = path.find('.');
    value = member(*value, path.substr(0, dot));
    if (dot == path.npos) break;
    path.remove_prefix(dot + 1);
  }
  return value;
}

std::string prompt_for(const ordered_json& question, config::PromptTemplate wanted,
                       const PromptMaker& maker) {
  const bool chat = wanted == config::PromptTemplate::kChat;
  if (!question.is_string() && !question.is_array())
    throw InputError("is neither a text nor a list of messages");
  std::string prompt;
  if (chat) {
    if (!maker.chat)
      throw InputError("data.template = \"chat\" needs a model with a chat template");
    const ordered_json messages =
        question.is_array() ? up_to_question(question)
                            : ordered_json::array({{{"role", "user"}, {"content", question}}});
    prompt = maker.chat(messages.dump());
  } else {
    prompt = prompt_of(
        question.is_array() ? only_question(up_to_question(question)) : question.get<std::string>(),
        wanted);
  }
  if (maker.check) maker.check(prompt);
  return prompt;
}

}  // namespace thespis::tasks
