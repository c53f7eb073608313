#include "model/chat/chat_template.hpp"

#include <fmt/format.h>

#include "model/chat/evaluator.hpp"
#include "model/chat/parser.hpp"
#include "model/tokenizer/utf8.hpp"

namespace thespis::model::chat {
struct ChatTemplate::Parsed {
  std::string place;
  Block block;
};

ChatTemplate ChatTemplate::parse(std::string_view source, const std::string& place) {
  if (source.size() > kTemplateBytesMax)
    throw InputError(fmt::format("{}: has {} bytes; at most {} are read", place, source.size(),
                                 kTemplateBytesMax));
  if (utf8_valid_prefix(source) != source.size()) throw InputError(place + ": is not UTF-8");
  auto parsed = std::make_shared<Parsed>();
  parsed->place = place;
  try {
    parsed->block = chat::parse(source);
  } catch (const SyntaxError& error) {
    throw InputError(fmt::format("{} line {}: {}", place, error.line, error.what));
  }
  return ChatTemplate(std::move(parsed));
}

std::string ChatTemplate::render(const Variables& variables, std::optional<std::tm> now) const {
  Runtime runtime(now);
  Evaluator evaluator(runtime, variables);
  try {
    return evaluator.run(parsed_->block);
  } catch (const Fault& fault) {
    throw InputError(fmt::format("{} line {}: {}", parsed_->place, evaluator.line(), fault.what()));
  }
}

}  // namespace thespis::model::chat
