#include "model/tokenizer/post_processor.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "model/tokenizer/bpe.hpp"
#include "model/tokenizer/parts.hpp"

namespace thespis::model {
namespace {

using nlohmann::json;

constexpr size_t kTemplateItemsMax = 64;

/// The ids of the special token `name` of a template.
std::vector<int32_t> special_ids(const JsonFields& fields, const std::string& name,
                                 const std::function<bool(int32_t)>& is_token) {
  const auto tokens = fields.object("special_tokens");
  const auto entry = tokens ? tokens->object(name.c_str()) : std::nullopt;
  const json* list = entry ? entry->find("ids") : nullptr;
  if (list == nullptr || !list->is_array() || list->size() > kTemplateItemsMax)
    fields.refuse("special_tokens", fmt::format("must have a list of ids for {}", brief(name)));
  std::vector<int32_t> out;
  for (const json& id : *list) {
    if (!id.is_number_unsigned() || id.get<uint64_t>() >= kTokenIdsMax ||
        !is_token(id.get<int32_t>()))
      fields.refuse("special_tokens",
                    fmt::format("gives {} the id {}, which is no token's", brief(name), brief(id)));
    out.push_back(id.get<int32_t>());
  }
  return out;
}

/// What one item of a template is: a special token's name, or the text ("" then).
std::string read_item(const JsonFields& fields, const json& item) {
  const auto field = [&](const char* kind) -> const json* {
    if (!item.is_object() || !item.contains(kind) || !item[kind].is_object()) return nullptr;
    const auto id = item[kind].find("id");
    return id != item[kind].end() && id->is_string() ? &*id : nullptr;
  };
  const json* special = field("SpecialToken");
  if (special != nullptr && !special->get<std::string>().empty())
    return special->get<std::string>();
  const json* sequence = field("Sequence");
  if (sequence == nullptr || *sequence != "A")
    fields.refuse("single", "must consist of special tokens and the sequence A");
  return "";
}

}  // namespace

PostProcessor PostProcessor::read(const JsonFields& document,
                                  const std::function<bool(int32_t)>& is_token) {
  PostProcessor post;
  for (const Step& step : read_steps(document, "post_processor", "processors")) {
    if (step.type == "ByteLevel") continue;
    if (step.type != "TemplateProcessing")
      refuse_step(document, step, "null, TemplateProcessing, ByteLevel, Sequence");
    const json* single = step.fields.find("single");
    if (single == nullptr || !single->is_array() || single->size() > kTemplateItemsMax)
      step.fields.refuse("single", fmt::format("must be a list of at most {} items; templates of "
                                               "other forms are not supported",
                                               kTemplateItemsMax));
    std::vector<int32_t> before, after;
    int texts = 0;
    for (const json& item : *single) {
      const std::string name = read_item(step.fields, item);
      if (name.empty()) {
        ++texts;
        continue;
      }
      auto& side = texts == 0 ? before : after;
      for (const int32_t id : special_ids(step.fields, name, is_token)) side.push_back(id);
    }
    if (texts != 1) step.fields.refuse("single", "must have the sequence A once");
    // A later template stands round what the earlier ones made.
    post.before_.insert(post.before_.begin(), before.begin(), before.end());
    post.after_.insert(post.after_.end(), after.begin(), after.end());
  }
  return post;
}

}  // namespace thespis::model
