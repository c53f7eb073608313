#include "model/tokenizer/parts.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace thespis::model {
namespace {

struct Reader {
  const JsonFields& document;
  const char* list_key;
  std::vector<Step> steps = {};

  void read(const nlohmann::json& value, const std::string& path, size_t depth) {
    if (!value.is_object()) document.refuse(path.c_str(), "must be an object, not " + brief(value));
    // Fields of the document know its name: a path from there names any place in it.
    const JsonFields fields = document.at(value, path + ".");
    const auto type = fields.text("type");
    if (!type) fields.refuse("type", "is missing");
    if (*type != "Sequence") {
      if (steps.size() == kStepsMax)
        document.refuse(path.c_str(),
                        fmt::format("is one too many: at most {} are supported", kStepsMax));
      steps.push_back({fields, path, *type});
      return;
    }
    if (depth == kSequenceDepthMax)
      document.refuse(path.c_str(),
                      fmt::format("is a Sequence nested deeper than {}", kSequenceDepthMax));
    const auto* list = fields.find(list_key);
    if (list == nullptr || !list->is_array()) fields.refuse(list_key, "must be a list");
    size_t index = 0;
    for (const auto& item : *list)
      read(item, fmt::format("{}.{}[{}]", path, list_key, index++), depth + 1);
  }
};

}  // namespace

std::vector<Step> read_steps(const JsonFields& document, const std::string& key,
                             const char* list_key) {
  Reader reader{document, list_key};
  if (const auto* value = document.find(key.c_str())) reader.read(*value, key, 0);
  return std::move(reader.steps);
}

void refuse_step(const JsonFields& document, const Step& step, const char* supported) {
  document.refuse(step.path.c_str(), fmt::format("of type {} is not supported; supported: {}",
                                                 brief(step.type), supported));
}

}  // namespace thespis::model
