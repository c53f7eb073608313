// thespis template --file TEMPLATE.jinja: {"messages": [...], ...} a line -> {"text"} or {"error"}.

#include <ctime>
#include <nlohmann/json.hpp>

#include "app/json_lines.hpp"
#include "app/verbs.hpp"
#include "model/chat/chat_template.hpp"
#include "model/chat/json_value.hpp"
#include "model/chat/runtime.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/file.hpp"
#include "runtime/env/clock.hpp"

namespace thespis::app {
namespace {

constexpr const char* kTimeField = "strftime_now";

/// The time of day here and now.
std::tm local_time() {
  const auto now = static_cast<std::time_t>(env::RealClock().wall_seconds());
  std::tm local{};
  if (::localtime_r(&now, &local) == nullptr) throw Error("the local time cannot be told");
  return local;
}

}  // namespace

int run_template(const TemplateArguments& arguments) {
  using model::chat::ChatTemplate;
  const auto chat_template = ChatTemplate::parse(
      read_file(arguments.file, model::chat::kTemplateBytesMax), arguments.file);
  const std::tm now = arguments.now.empty() ? local_time() : model::chat::parse_time(arguments.now);
  return filter_lines([&](const std::string& line) -> nlohmann::json {
    const auto row = model::chat::parse_json(line, "line");
    if (row.dict() == nullptr || row.dict()->find("messages") == nullptr)
      throw InputError(
          "line: no \"messages\"; expected an object like {\"messages\": "
          "[{\"role\": \"user\", \"content\": \"Hi\"}]}");
    ChatTemplate::Variables variables;
    std::tm time = now;
    for (const auto& [key, value] : row.dict()->entries) {
      if (key.str() != kTimeField)
        variables.emplace_back(key.str(), value);
      else if (value.is(model::chat::Kind::kText))
        time = model::chat::parse_time(value.str());
      else
        throw InputError("line: \"strftime_now\" is not a text; expected a date");
    }
    return {{"text", chat_template.render(variables, time)}};
  });
}

}  // namespace thespis::app
