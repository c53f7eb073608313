// ./thespis tokenize: text <-> token ids, JSON lines in and out, for scripts.

#include <nlohmann/json.hpp>

#include "app/json_lines.hpp"
#include "app/verbs.hpp"
#include "model/tokenizer/tokenizer.hpp"
#include "runtime/base/error.hpp"

namespace thespis::app {
namespace {

using nlohmann::json;

std::string text_of(const json& object) {
  const auto text = object.find("text");
  if (text == object.end() || !text->is_string())
    throw InputError("line has no \"text\" that is a string");
  return text->get<std::string>();
}

std::vector<int32_t> ids_of(const json& object, const model::Tokenizer& tokenizer) {
  const auto list = object.find("ids");
  if (list == object.end() || !list->is_array())
    throw InputError("line has no \"ids\" that is a list");
  std::vector<int32_t> ids;
  for (const json& id : *list) {
    const bool fits = id.is_number_unsigned() && id.get<uint64_t>() < tokenizer.vocab_size();
    if (!fits || !tokenizer.token_text(id.get<int32_t>()))
      throw InputError("ids has an entry that is no token's: " +
                       (id.is_structured() ? std::string(id.type_name()) : id.dump()));
    ids.push_back(id.get<int32_t>());
  }
  return ids;
}

}  // namespace

int run_tokenize(const TokenizeArguments& arguments) {
  const auto tokenizer = model::Tokenizer::load(arguments.tokenizer);
  if (arguments.decode) {
    const auto special =
        arguments.skip_special ? model::SpecialTokens::kSkip : model::SpecialTokens::kKeep;
    return filter_json_lines([&](const json& object) -> json {
      return {{"text", tokenizer.decode(ids_of(object, tokenizer), special)}};
    });
  }
  const model::EncodeOptions options{arguments.parse_special, arguments.add_special};
  return filter_json_lines([&](const json& object) -> json {
    return {{"ids", tokenizer.encode(text_of(object), options)}};
  });
}

}  // namespace thespis::app
