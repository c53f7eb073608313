#include "model/chat/model_template.hpp"

#include <system_error>

#include "model/chat/json_value.hpp"
#include "model/chat/operators.hpp"
#include "model/chat/runtime.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/file.hpp"

namespace thespis::model::chat {
namespace {

constexpr const char* kTemplateFile = "chat_template.jinja";
constexpr const char* kConfigFile = "tokenizer_config.json";
constexpr uint64_t kConfigBytesMax = 64 << 20;  // DeepSeek's lists every token.

/// "chat_template" of a tokenizer_config.json; none: there is no such key.
std::optional<std::string> template_of(const Dict& config, const std::string& place) {
  const Value* found = config.find("chat_template");
  if (found == nullptr || found->is(Kind::kNone)) return std::nullopt;
  if (found->is(Kind::kText)) return found->str();
  if (const Sequence* named = found->sequence())
    for (const Value& one : named->items) {
      const Value* name = one.dict() == nullptr ? nullptr : one.dict()->find("name");
      const Value* text = one.dict() == nullptr ? nullptr : one.dict()->find("template");
      const bool usable = name != nullptr && text != nullptr && text->is(Kind::kText);
      if (usable && equal_scalars(*name, Value::text("default"))) return text->str();
    }
  throw InputError(place +
                   ": chat_template is neither a text nor a list with one named \"default\"");
}

/// The special tokens of a tokenizer_config.json, each a text or an object with its "content".
ChatTemplate::Variables tokens_of(const Dict& config) {
  ChatTemplate::Variables tokens;
  for (const char* key : {"bos_token", "eos_token", "pad_token", "unk_token", "sep_token",
                          "cls_token", "mask_token"}) {
    const Value* found = config.find(key);
    if (found != nullptr && found->dict() != nullptr) found = found->dict()->find("content");
    if (found != nullptr && found->is(Kind::kText)) tokens.emplace_back(key, *found);
  }
  return tokens;
}

/// tokenizer_config.json; empty where there is none.
Value read_config(const std::filesystem::path& dir) {
  std::error_code ignored;  // Whether it exists is all that is asked.
  const auto file = dir / kConfigFile;
  if (!std::filesystem::exists(file, ignored))
    return Value(std::shared_ptr<const Dict>(std::make_shared<Dict>()));
  Value config = parse_json(read_file(file, kConfigBytesMax), file.string());
  if (config.dict() == nullptr) throw InputError(file.string() + ": is not an object");
  return config;
}

std::optional<TemplateText> find_template(const std::filesystem::path& dir, const Dict& config) {
  std::error_code ignored;
  const auto file = dir / kTemplateFile;
  if (std::filesystem::exists(file, ignored))
    return TemplateText{read_file(file, kTemplateBytesMax), file.string()};
  const std::string place = (dir / kConfigFile).string();
  auto text = template_of(config, place);
  if (!text) return std::nullopt;
  return TemplateText{std::move(*text), place + ": chat_template"};
}

}  // namespace

std::optional<TemplateText> find_template(const std::filesystem::path& dir) {
  return find_template(dir, *read_config(dir).dict());
}

ModelTemplate ModelTemplate::load(const std::filesystem::path& dir) {
  const Value config = read_config(dir);
  const auto found = find_template(dir, *config.dict());
  if (!found)
    throw InputError(dir.string() + ": the model has no chat template: neither " + kTemplateFile +
                     " nor a chat_template in " + kConfigFile);
  ModelTemplate loaded(ChatTemplate::parse(found->text, found->place));
  loaded.tokens_ = tokens_of(*config.dict());
  return loaded;
}

std::string ModelTemplate::prompt(std::string_view messages, std::optional<std::tm> now) const {
  ChatTemplate::Variables variables = tokens_;
  variables.emplace_back("messages", parse_json(messages, "messages"));
  variables.emplace_back("tools", Value::none());
  variables.emplace_back("documents", Value::none());
  variables.emplace_back("add_generation_prompt", Value(true));
  return template_.render(variables, now);
}

}  // namespace thespis::model::chat
